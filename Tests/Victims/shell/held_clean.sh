# victim: locks that are held as long as a command runs, by flock(1) and by a subshell, while others wait
# clean: yes
# forbid: held-after-exec
#
file=$(mktemp)
(flock 9; sleep 2) 9>"$file" &
sleep 0.3
flock "$file" true
wait
flock "$file" sleep 2 &
sleep 0.3
(flock 9; true) 9>"$file"
wait
rm "$file"
