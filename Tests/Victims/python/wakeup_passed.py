#!/usr/bin/python3
# victim: a worker that has exec'd gets its loop's wakeup pipe by socket.send_fds; its own forked child wakes it, and it spins
# expect: foreign-wakeup-write severity=error kind=pipe actor=child
# expect: busy-poll severity=error kind=pipe cause=foreign-wakeup-write
# forbid: foreign-read
# forbid: inherited-signal-handler
# note: needs Python 3.9 or newer (socket.send_fds)
#
# The bug: as in gwibber.py. The pipe was made by the parent, and came to the worker over a socket, after its exec.
import os
import select
import signal
import socket
import subprocess
import sys

POLLS = 3000


def work(sock):
    _, (read_end, write_end), _, _ = socket.recv_fds(sock, 1, 2)
    poll = select.poll()
    poll.register(read_end, select.POLLIN)
    # The loop is known to wait for the pipe.
    poll.poll(0)
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        os.write(write_end, b"A")
        os._exit(0)
    for polls in range(POLLS):
        if not poll.poll():
            sys.exit("not as labelled: poll returned nothing")
    os.waitpid(child, 0)


signal.alarm(60)
if len(sys.argv) > 1:
    work(socket.socket(fileno=int(sys.argv[1])))
else:
    ours, theirs = socket.socketpair()
    number = theirs.fileno()
    worker = subprocess.Popen([sys.executable, __file__, str(number)], pass_fds=[number])
    theirs.close()
    ends = os.pipe()
    socket.send_fds(ours, [b"p"], list(ends))
    for end in ends:
        os.close(end)
    if worker.wait() != 0:
        sys.exit("not as labelled: the worker failed")
