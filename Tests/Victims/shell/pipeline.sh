#!/bin/sh
# victim: shell pipelines: subshells that write one pipe in turn, and two readers of one pipe, one after the other
# clean: yes
# forbid: foreign-wakeup-write
# forbid: foreign-read
# forbid: busy-poll
#
# No bug: bytes go on in order, nobody reads what another waits for, and the end comes when the writers are done.
# `read` takes its line byte by byte, so that sort finds the rest.
fail() {
    echo "not as labelled: $1" >&2
    exit 1
}

[ "$( (echo b; echo a) | sort | tr '\n' ' ')" = "a b " ] || fail "subshell"
[ "$( { echo h; echo z; echo y; } | { read -r h; echo "$h"; sort; } | tr '\n' ' ')" = "h y z " ] || fail "read, sort"
[ "$(seq 1 20000 | grep 7 | sed 's/7/8/' | wc -l)" -eq 6878 ] || fail "filters"
[ "$(seq 1 100000 | head -n 1)" = 1 ] || fail "head"
[ "$(printf '1\n2\n3\n' | while read -r n; do echo $((n + 1)); done | tail -n 1)" = 4 ] || fail "while read"
[ "$( (exit 3) | cat; echo here)" = here ] || fail "empty"
