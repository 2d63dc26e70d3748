# victim: a receiver takes BlockingIOError for "try again now"
# expect: retry-spin kind=socketpair victim=root
# forbid: busy-poll
#
import socket
import time

ours, theirs = socket.socketpair()
ours.setblocking(False)
end = time.monotonic() + 1.5
while time.monotonic() < end:
    try:
        ours.recv(100)
    except BlockingIOError:
        continue
    raise SystemExit("not as labelled: something came")
