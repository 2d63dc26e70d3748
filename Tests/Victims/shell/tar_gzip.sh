#!/bin/sh
# victim: tar | gzip | tar, tar with a compressor of its own, and cc -pipe
# clean: yes
# forbid: foreign-wakeup-write
# forbid: foreign-read
# forbid: busy-poll
# needs: gcc
#
# No bug: tar's child for compression is a fork that does not exec: it passes on what the compressor writes.
set -e
command -v cc >/dev/null || { echo "skipped: cc is not installed" >&2; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir in out1 out2
for number in 1 2 3 4 5 6 7 8; do seq 1 "$number"0000 > "in/$number"; done
tar -cf - in | gzip -c | gzip -dc | tar -C out1 -xf -
tar -czf - in > archive.tar.gz
tar -C out2 -xzf - < archive.tar.gz
diff -r in out1/in
diff -r in out2/in
echo 'int main(void) { return 0; }' > program.c
cc -pipe -O1 -o program program.c
./program
