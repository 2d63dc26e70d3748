# victim: a script takes a lock, leaves a daemon behind and ends; the daemon has kept the lock, and the next script waits
# expect: held-after-exec severity=error kind=file actor=child
#
file=$(mktemp)
sh -c 'exec 9>"$0"; flock 9; sleep 4 & exit 0' "$file"
flock "$file" true
rm "$file"
