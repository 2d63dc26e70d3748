#!/usr/bin/python3
# victim: Gwibber's bug without GLib: a thread starts a multiprocessing.Process while the loop sleeps; it wakes the loop
# light: yes
# expect: foreign-wakeup-write severity=error kind=pipe actor=child victim=root
# expect: busy-poll severity=error kind=pipe cause=foreign-wakeup-write victim=root
# forbid: foreign-read
# forbid: inherited-signal-handler
#
# The bug: see founding_pipe.c. The child's copy of poll_waiting says that the loop sleeps, so its first idle_add
# writes a byte; the parent's own copy says that nobody woke it, so it never reads.
import multiprocessing
import os
import select
import signal
import sys
import threading

POLLS = 3000


class Context:
    """GLib 2.24's main context: a private flag counts the bytes of a shared pipe."""

    def __init__(self):
        self.read_end, self.write_end = os.pipe()
        self.lock = threading.Lock()
        self.poll_waiting = False
        self.reads = 0

    def prepare(self):
        with self.lock:
            self.poll_waiting = True

    def wakeup(self):
        with self.lock:
            if self.poll_waiting:
                self.poll_waiting = False
                os.write(self.write_end, b"A")

    def check(self):
        with self.lock:
            if not self.poll_waiting:
                os.read(self.read_end, 1)
                self.reads += 1
            self.poll_waiting = False


def fetch_messages():
    context.wakeup()


def start_child():
    asleep.wait()
    process = multiprocessing.get_context("fork").Process(target=fetch_messages)
    process.start()
    process.join()


signal.alarm(60)
context = Context()
asleep = threading.Event()
thread = threading.Thread(target=start_child)
thread.start()
poll = select.poll()
poll.register(context.read_end, select.POLLIN)
for polls in range(POLLS):
    context.prepare()
    asleep.set()
    if not poll.poll():
        sys.exit("not as labelled: poll returned nothing")
    context.check()
thread.join()
if context.reads != 0:
    sys.exit("not as labelled: the parent read a wakeup")
