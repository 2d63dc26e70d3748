#!/usr/bin/python3
# victim: GLib starts programs with GLib.spawn_async and spawn_sync while its main loop runs, and watches for their ends
# clean: yes
# forbid: foreign-wakeup-write
# forbid: foreign-read
# forbid: inherited-signal-handler
# forbid: busy-poll
# needs: python3-gi
# note: the process writes its own wakeup eventfd, for each watch; the children never do
#
# No bug: gspawn's child writes its error pipe at most, and its middle child the pid of its own child, and then exits.
import signal
import sys

from gi.repository import GLib

CHILDREN = 3


def ended(pid, status):
    ended.statuses.append(status)
    if len(ended.statuses) == CHILDREN:
        loop.quit()


def start():
    for _ in range(CHILDREN):
        pid, *_ = GLib.spawn_async(["/bin/true"], flags=GLib.SpawnFlags.DO_NOT_REAP_CHILD)
        GLib.child_watch_add(GLib.PRIORITY_DEFAULT, pid, ended)
    GLib.spawn_async(["/bin/true"])  # reaped by a middle child
    try:
        GLib.spawn_async(["/nonexistent/program"])
        ended.statuses.append("it exists")
    except GLib.Error:
        pass
    _, out, _, _ = GLib.spawn_command_line_sync("echo hello")
    if out != b"hello\n":
        ended.statuses.append(out)


signal.alarm(60)
ended.statuses = []
loop = GLib.MainLoop()
GLib.idle_add(start)
loop.run()
if ended.statuses != [0] * CHILDREN:
    sys.exit(f"not as labelled: {ended.statuses}")
