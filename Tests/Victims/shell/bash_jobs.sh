#!/bin/sh
# victim: bash with job control, a coprocess, process substitutions, traps, `read -t` and `wait -n`
# clean: yes
# forbid: foreign-wakeup-write
# forbid: foreign-read
# forbid: inherited-signal-handler
# forbid: busy-poll
#
# No bug: subshells are forks that do not exec, share pipes with the shell that made them, and use one end each.
command -v bash >/dev/null || { echo "skipped: bash is not installed" >&2; exit 77; }
exec bash << 'END'
fail() {
    echo "not as labelled: $1" >&2
    exit 1
}
coproc ECHO { while read -r word; do echo "$word $word"; done; }
for word in a b c; do
    echo $word >&"${ECHO[1]}"
    read -r -t 30 answer <&"${ECHO[0]}" || fail "no answer"
    [ "$answer" = "$word $word" ] || fail "coprocess"
done
pid=$ECHO_PID
exec {ECHO[1]}>&-
wait "$pid"
[ "$(sort <(seq 1 300) <(seq 1 300) | uniq -c | wc -l)" -eq 300 ] || fail "process substitutions"
seq 1 100 | tee >(wc -l > /dev/null) | while read -r -t 30 number; do last=$number; done
ended=0
trap 'ended=1' USR1
(kill -USR1 $$)
[ $ended = 1 ] || fail "trap"
set -m
(exit 3) & (exit 3) &
wait -n; [ $? = 3 ] || fail "wait -n"
wait
trap 'exit 4' TERM
(trap - TERM; kill -TERM "$BASHPID"; sleep 30) &
wait $!; [ $? = 143 ] || fail "a subshell ends by TERM"
read -r -t 0.01 nothing < <(exec 2> /dev/null; read -r -t 0.2 never < <(sleep 0.2)) && fail "timeout"
exit 0
END
