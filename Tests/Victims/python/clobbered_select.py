# victim: a logging helper dup2s its socket on to the number of the selector's wakeup pipe; wakeups are lost
# expect: fd-clobbered severity=error kind=pipe victim=root
# forbid: ghost-epoll-entry
#
# The bug: the helper has kept a number that it had closed long ago. What the loop's own threads write to wake it
# reaches nobody.
import os
import select
import signal
import socket
import sys

signal.alarm(60)
signal.signal(signal.SIGPIPE, signal.SIG_IGN)
read_end, write_end = os.pipe()
os.set_blocking(read_end, False)
os.write(write_end, b"x")
if select.select([read_end], [], [], 5)[0] != [read_end]:
    sys.exit("not as labelled: the loop works")
os.read(read_end, 1)

here, there = socket.socketpair()
os.dup2(here.fileno(), read_end, inheritable=False)

lost = 0
for _ in range(3):
    try:
        os.write(write_end, b"x")
    except BrokenPipeError:
        lost += 1
    if select.select([read_end], [], [], 0.05)[0]:
        sys.exit("not as labelled: the socket is silent")
if lost != 3:
    sys.exit("not as labelled: the pipe has a reader")
