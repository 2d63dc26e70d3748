#!/bin/sh
# victim: a command in the body of a `while read` loop (ssh, ffmpeg; here cat) eats the rest of the loop's list
# expect: foreign-read severity=error kind=pipe actor=child
# forbid: foreign-wakeup-write
# forbid: busy-poll
# forbid: inherited-signal-handler
#
# The bug: the command inherits the loop's standard input. The loop runs once, for a list of four; `< /dev/null` at the
# command is the cure.
rounds=$(printf 'one\ntwo\nthree\nfour\n' | {
    rounds=0
    while read -r _; do
        rounds=$((rounds + 1))
        cat > /dev/null
    done
    echo "$rounds"
})
[ "$rounds" -eq 1 ] || { echo "not as labelled: $rounds rounds" >&2; exit 1; }
