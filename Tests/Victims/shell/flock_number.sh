#!/bin/sh
# victim: (flock 9; cmd) 9>f: subshells that take turns by a lock on an open file, which what they start inherits
# clean: yes
# forbid: foreign-read
# forbid: fd-clobbered
#
# No bug: the lock is given back when the last holder of descriptor 9 has ended, and each turn writes its line.
set -e
command -v flock >/dev/null || { echo "skipped: flock is not installed" >&2; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
echo 0 > "$folder/count"
turn() {
    (
        flock 9
        read -r count < "$folder/count"
        seq 1 100 | tail -n 1 > /dev/null
        echo $((count + 1)) > "$folder/count"
    ) 9> "$folder/lock"
}
for number in 1 2 3 4 5 6; do (turn; turn; turn) & done
wait
read -r count < "$folder/count"
[ "$count" -eq 18 ] || { echo "not as labelled: $count turns" >&2; exit 1; }
# Not for waiting: who finds it locked goes home.
(flock 9; (flock -n 8 && exit 1 || exit 0) 8> "$folder/lock") 9> "$folder/lock"
