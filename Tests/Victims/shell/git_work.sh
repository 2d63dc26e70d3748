#!/bin/sh
# victim: git commits, clones through a pipe to itself, fetches, packs and looks at its log
# clean: yes
# forbid: foreign-wakeup-write
# forbid: foreign-read
# forbid: busy-poll
# needs: git
#
# No bug: git talks to helpers that it starts with fork and exec, and learns by a pipe whether exec failed.
set -e
command -v git >/dev/null || { echo "skipped: git is not installed" >&2; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export HOME="$folder" GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0 GIT_PAGER=cat
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org
cd "$folder"
git init -q -b main one
cd one
for number in 1 2 3 4 5; do
    seq 1 "$number"00 > "file$number"
    git add .
    git commit -q -m "commit $number"
done
git clone -q "file://$folder/one" ../two
git -C ../two checkout -q -b side HEAD~2
echo more > ../two/more
git -C ../two add more
git -C ../two commit -q -m side
git fetch -q ../two side
git merge -q -m merged FETCH_HEAD
git gc -q
git archive HEAD | tar -tf - | wc -l | grep -q 6 || { echo "not as labelled: the archive" >&2; exit 1; }
[ "$(git log --oneline | wc -l)" -eq 7 ] || { echo "not as labelled: the log" >&2; exit 1; }
