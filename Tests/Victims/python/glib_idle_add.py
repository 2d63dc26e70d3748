#!/usr/bin/python3
# victim: a thread forks a multiprocessing process while the GLib main loop sleeps; the child calls GLib.idle_add
# light: yes
# expect: foreign-wakeup-write severity=warning kind=eventfd actor=child victim=root
# forbid: busy-poll
# forbid: foreign-read
# forbid: inherited-signal-handler
# needs: python3-gi
# note: the parent writes its eventfd too: the main thread as run() starts and quits, the other for idle_add(quit)
#
# The bug: in the child, the inherited default context is still asleep by the thread in the loop, which is not there;
# so GLib wakes it for each new source, and what wakes is the parent. GLib of today drains the eventfd: wakeups for
# nothing.
import multiprocessing
import platform
import signal
import sys
import threading

from gi.repository import GLib

POLL_CALLS = {"x86_64": (7, 271), "aarch64": (73,)}[platform.machine()]

signal.alarm(60)
loop = GLib.MainLoop()
started = threading.Event()
asleep = threading.Event()
woken = threading.Event()


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
        GLib.idle_add(print, "never called")


def start_child():
    asleep.wait()
    # A fork while the loop thread holds the context's lock would leave it locked in the child: be sure that it sleeps.
    with open(f"/proc/self/task/{threading.main_thread().native_id}/syscall") as file:
        while file.read().split()[0] not in map(str, POLL_CALLS):
            file.seek(0)
    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()
    if process.exitcode != 0 or not woken.wait(30):
        sys.stderr.write("not as labelled: the child did not wake the parent's loop\n")
        failed.append(True)
    GLib.idle_add(loop.quit)


failed = []
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
