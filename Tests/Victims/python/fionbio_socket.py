# victim: a forked child makes the inherited socket nonblocking by FIONBIO; the parent's blocking recv fails
# expect: shared-flag-change severity=error kind=socketpair actor=child victim=root
#
# The bug: socket.setblocking is ioctl(FIONBIO) on the open file that parent and child share.
import multiprocessing
import os
import signal
import socket
import sys

signal.alarm(60)
multiprocessing.set_start_method("fork")
here, there = socket.socketpair()


def child():
    here.setblocking(False)


process = multiprocessing.Process(target=child)
process.start()
process.join()
try:
    os.read(here.fileno(), 1)
    sys.exit("not as labelled: something was read")
except BlockingIOError:
    pass
