#!/usr/bin/python3
# victim: a forked child calls MainContext.default().wakeup() on the context that the parent's main loop sleeps on
# light: yes
# expect: foreign-wakeup-write severity=warning kind=eventfd actor=child victim=root
# forbid: busy-poll
# forbid: foreign-read
# forbid: inherited-signal-handler
# needs: python3-gi
# note: the parent writes its eventfd too: the main thread as run() starts and quits, the other for idle_add(quit)
#
# The bug: wakeup() writes the context's eventfd, which fork shares, so the child wakes the parent's loop, for
# nothing.
import multiprocessing
import signal
import sys
import threading

from gi.repository import GLib

signal.alarm(60)
loop = GLib.MainLoop()
started = threading.Event()
asleep = threading.Event()
woken = threading.Event()
failed = []


class Rounds(GLib.Source):
    """Never ready; sees the rounds of the loop."""

    def prepare(self):
        if started.is_set():
            (woken if asleep.is_set() else asleep).set()
        return False, -1

    def check(self):
        return False

    def dispatch(self, callback, args):
        return True


def child():
    for _ in range(5):
        GLib.MainContext.default().wakeup()


def start_child():
    asleep.wait()
    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()
    if process.exitcode != 0 or not woken.wait(30):
        sys.stderr.write("not as labelled: the child did not wake the parent's loop\n")
        failed.append(True)
    GLib.idle_add(loop.quit)


source = Rounds()
source.attach(None)
GLib.idle_add(started.set)  # in the loop's first round, which also drains the wakeups of its start
thread = threading.Thread(target=start_child)
thread.start()
loop.run()
thread.join()
source.destroy()
del source  # before the interpreter ends, which PyGObject cannot bear
sys.exit(1 if failed else 0)
