#!/usr/bin/python3
# victim: Gwibber's bug (gwibber.py) with a wakeup pipe that a daemon moved out of the way, above 1000, by F_DUPFD
# expect: foreign-wakeup-write severity=error kind=pipe actor=child victim=root
# expect: busy-poll severity=error kind=pipe cause=foreign-wakeup-write victim=root
# forbid: foreign-read
# forbid: inherited-signal-handler
#
# The bug: the child's copy of poll_waiting says that the loop sleeps, so it writes a byte; the parent's own copy says
# that nobody woke it, so it never reads. Nobody made a pipe on the numbers that are used.
import fcntl
import os
import select
import signal
import sys
import threading

POLLS = 3000


def moved(fd, number):
    copy = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, number)
    os.close(fd)
    return copy


def start_child():
    asleep.wait()
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        os.write(write_end, b"A")
        os._exit(0)
    os.waitpid(child, 0)


signal.alarm(60)
read_end, write_end = os.pipe()
read_end, write_end = moved(read_end, 1000), moved(write_end, 1001)
if read_end < 1000 or write_end < 1001:
    sys.exit("not as labelled: the pipe was not moved")
asleep = threading.Event()
thread = threading.Thread(target=start_child)
thread.start()
with select.epoll() as epoll:
    epoll.register(read_end, select.EPOLLIN)
    for polls in range(POLLS):
        asleep.set()
        if not epoll.poll():
            sys.exit("not as labelled: epoll returned nothing")
thread.join()
