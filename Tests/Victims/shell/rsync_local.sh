#!/bin/sh
# victim: rsync copies a folder, then only what changed, without ssh: sender, generator and receiver are forks
# clean: yes
# forbid: foreign-wakeup-write
# forbid: foreign-read
# forbid: busy-poll
# forbid: shared-flag-change
# needs: rsync
#
# No bug: the forks of one program are joined by socketpairs and pipes, and each closes the ends that are not its own.
set -e
command -v rsync >/dev/null || { echo "skipped: rsync is not installed" >&2; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/in"
for number in 1 2 3 4 5 6 7 8 9; do seq 1 "$number"0000 > "$folder/in/$number"; done
rsync -a "$folder/in/" "$folder/out/"
diff -r "$folder/in" "$folder/out"
echo more >> "$folder/in/5"
rm "$folder/in/6"
rsync -a --delete --no-whole-file --checksum "$folder/in/" "$folder/out/"
diff -r "$folder/in" "$folder/out"
