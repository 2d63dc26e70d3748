#!/usr/bin/python3
# victim: threads of one process add 300 idle sources to its GLib main loop
# clean: yes
# forbid: foreign-wakeup-write
# forbid: foreign-read
# forbid: busy-poll
# needs: python3-gi
# note: the process writes its own wakeup eventfd, from all threads; there is no child
#
# No bug: the eventfd is written and drained by one process.
import signal
import sys
import threading

from gi.repository import GLib

THREADS, EACH = 3, 100


def called():
    called.count += 1
    if called.count == THREADS * EACH:
        loop.quit()


def add_sources():
    for _ in range(EACH):
        GLib.idle_add(called)


signal.alarm(60)
called.count = 0
loop = GLib.MainLoop()
threads = [threading.Thread(target=add_sources) for _ in range(THREADS)]
for thread in threads:
    thread.start()
loop.run()
for thread in threads:
    thread.join()
sys.exit(called.count != THREADS * EACH)
