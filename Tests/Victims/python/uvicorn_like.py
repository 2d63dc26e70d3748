#!/usr/bin/python3
# victim: a server with signal.set_wakeup_fd on a socketpair; SIGINT sent to a forked child alone shuts the server down
# expect: inherited-signal-handler severity=error kind=socketpair actor=child victim=root
# forbid: foreign-wakeup-write
# forbid: busy-poll
# forbid: foreign-read
#
# The bug (fastapi#1487, uvicorn#2289): the wakeup fd came with fork, so CPython's handler in the child writes the
# signal's number to the parent's loop. The child itself ends in good order, and still the parent obeys a signal it
# never got.
import multiprocessing
import os
import selectors
import signal
import socket
import sys

signal.alarm(60)
fork = multiprocessing.get_context("fork")
ready, question = fork.Semaphore(0), fork.Semaphore(0)
should_exit = False


def handle_exit(number, frame):
    global should_exit
    should_exit = True


def worker():
    ready.release()
    while not should_exit:
        question.acquire()


receive, send = socket.socketpair()
receive.setblocking(False)
send.setblocking(False)
signal.set_wakeup_fd(send.fileno())
signal.signal(signal.SIGINT, handle_exit)
process = fork.Process(target=worker)
process.start()
ready.acquire()
os.kill(process.pid, signal.SIGINT)

serving = True
with selectors.DefaultSelector() as selector:
    selector.register(receive, selectors.EVENT_READ)
    while serving:
        if not selector.select(30):
            sys.exit("not as labelled: the child's signal did not wake the parent")
        serving = signal.SIGINT not in receive.recv(4096)
question.release()
process.join()
if should_exit or process.exitcode != 0:
    sys.exit("not as labelled: the signal was for the child alone, which ends by itself")
