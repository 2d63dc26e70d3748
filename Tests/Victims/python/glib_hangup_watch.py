#!/usr/bin/python3
# victim: GLib watches a child's pipe for IN and HUP, and the callback goes on returning True after the child is gone
# light: yes
# expect: busy-poll severity=error kind=pipe actor=child victim=root
# forbid: foreign-wakeup-write
# forbid: foreign-read
# forbid: inherited-signal-handler
# needs: python3-gi
#
# The bug: at HUP the callback has to return False, which removes the watch.
import multiprocessing
import os
import signal
import sys

from gi.repository import GLib

SPIN = 1500


def ready(fd, condition):
    if condition & GLib.IOCondition.IN:
        messages.append(os.read(fd, 100))
    else:
        ready.hangups += 1
    if ready.hangups == SPIN:
        loop.quit()
    return True


signal.alarm(60)
closed = multiprocessing.get_context("fork").Semaphore(0)
read_end, write_end = os.pipe()
pid = os.fork()
if pid == 0:
    closed.acquire()
    os.write(write_end, b"bye")
    os._exit(0)
os.close(write_end)
closed.release()
_, status = os.waitpid(pid, 0)
messages, ready.hangups = [], 0
loop = GLib.MainLoop()
GLib.unix_fd_add_full(GLib.PRIORITY_DEFAULT, read_end, GLib.IOCondition.IN | GLib.IOCondition.HUP, ready)
loop.run()
if messages != [b"bye"] or status != 0:
    sys.exit(f"not as labelled: {messages}, status {status}")
