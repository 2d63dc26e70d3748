# victim: a command substitution waits for a background job that has inherited its pipe
# expect: eof-never-comes severity=error kind=pipe actor=child victim=root
#
x=$(
  echo started
  sleep 3 &
)
[ "$x" = started ]
