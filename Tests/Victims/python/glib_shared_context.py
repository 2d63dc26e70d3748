#!/usr/bin/python3
# victim: parent and forked child run the inherited default context; the child reads wakeups of the parent's thread
# light: yes
# expect: foreign-read severity=error kind=eventfd actor=child victim=root
# forbid: foreign-wakeup-write
# forbid: busy-poll
# forbid: inherited-signal-handler
# needs: python3-gi
# note: the parent writes its eventfd itself, from the thread that adds sources; the child only reads
#
# The bug: one eventfd wakes two loops, and the first to poll it drains it. A thread of the parent adds a source and
# wakes the loop; the child takes the wakeup, and the parent sleeps with a source that is ready, here until its
# timeout. The slow prepare() stands for a parent that is slow between looking at its sources and poll, so that the
# child wins.
import multiprocessing
import signal
import sys
import threading
import time

from gi.repository import GLib

ROUNDS = 3
TIMEOUT_MS = 80

signal.alarm(60)
fork = multiprocessing.get_context("fork")
taken, done = fork.Semaphore(0), fork.Semaphore(0)
add_source = threading.Semaphore(0)
context = GLib.MainContext.default()
overslept = []


def run_inherited_context():
    for _ in range(ROUNDS):
        context.iteration(True)  # returns when woken: the eventfd is drained, and there is nothing to dispatch
        taken.release()
    done.acquire()


class SlowPrepare(GLib.Source):
    rounds = 0

    def prepare(self):
        self.rounds += 1
        add_source.release()
        taken.acquire()
        self.prepared = time.monotonic()
        return False, TIMEOUT_MS

    def check(self):
        return False

    def dispatch(self, callback, args):
        return True


def added():
    overslept.append(time.monotonic() - source.prepared > 0.9 * TIMEOUT_MS / 1000)


def add_sources():
    for _ in range(ROUNDS):
        add_source.acquire()
        GLib.idle_add(added)


process = fork.Process(target=run_inherited_context)
process.start()
thread = threading.Thread(target=add_sources)
thread.start()
source = SlowPrepare()
# Prepared after the idle sources, so that one added meanwhile is not seen before poll.
source.set_priority(GLib.PRIORITY_LOW)
source.attach(context)
while source.rounds < ROUNDS:
    context.iteration(True)
done.release()
thread.join()
process.join()
source.destroy()
if process.exitcode != 0 or overslept != [True] * ROUNDS:
    sys.exit(f"not as labelled: {overslept}")
