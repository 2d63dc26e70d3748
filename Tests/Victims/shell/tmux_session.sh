#!/bin/sh
# victim: a tmux server of its own with two windows: keys are sent, a shell in it answers, and the server is killed
# clean: yes
# forbid: foreign-wakeup-write
# forbid: foreign-read
# forbid: inherited-signal-handler
# forbid: busy-poll
# forbid: shared-epoll
# needs: tmux
#
# No bug: the server is a daemon that the first client forks and that makes its libevent base after that; it reads its
# windows' terminals.
set -e
command -v tmux >/dev/null || { echo "skipped: tmux is not installed" >&2; exit 77; }
unset TMUX
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TERM=screen SHELL=/bin/sh HOME="$folder"
tmux() { command tmux -f /dev/null -S "$folder/socket" "$@"; }
tmux new-session -d -s work -x 80 -y 24
tmux new-window -d -t work
tmux send-keys -t work:0 "seq 1 500; echo done > $folder/first; tmux -S $folder/socket wait-for -S first" Enter
tmux wait-for first
tmux send-keys -t work:1 "echo done > $folder/second; tmux -S $folder/socket wait-for -S second" Enter
tmux wait-for second
[ "$(cat "$folder/first" "$folder/second" | wc -l)" -eq 2 ] || { echo "not as labelled: no answer" >&2; exit 1; }
[ "$(tmux list-windows -t work | wc -l)" -eq 2 ] || { echo "not as labelled: windows" >&2; exit 1; }
tmux kill-server
