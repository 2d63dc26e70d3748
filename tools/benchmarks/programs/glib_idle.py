"""A GLib main loop with idle callbacks: its own, and those that a thread adds, which wake the loop by its eventfd.

usage: glib_idle.py CALLBACKS
"""
import sys
import threading

from gi.repository import GLib

half = int(sys.argv[1]) // 2
loop = GLib.MainLoop()
left = {"own": half, "added": half}


def count(whose):
    left[whose] -= 1
    if not any(left.values()):
        loop.quit()
    return whose == "own" and left[whose] > 0


def add():
    for _ in range(half):
        GLib.idle_add(count, "added")


GLib.idle_add(count, "own")
thread = threading.Thread(target=add)
thread.start()
loop.run()
thread.join()
