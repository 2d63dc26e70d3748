#!/usr/bin/python3
# victim: a forked child sends a message on the inherited GDBus connection, and wakes the worker thread of its parent
# expect: foreign-wakeup-write severity=warning kind=eventfd actor=child victim=root
# forbid: inherited-signal-handler
# forbid: busy-poll
# needs: python3-gi, dbus-daemon
#
# The bug: a message is handed to GDBus' worker thread, which the child does not have. What reaches the parent's worker is
# the eventfd's count alone; the message stays in the child for ever.
import os
import signal
import time

from servers import lacking, need, private_bus

try:
    from gi.repository import Gio, GLib
except ImportError:
    lacking("python3-gi")


def call(bus, method):
    return bus.call_sync("org.freedesktop.DBus", "/", "org.freedesktop.DBus", method, None, None, 0, 30000, None)


def wait_for_worker():
    """Until GDBus' worker sleeps: a child that is forked while it holds a lock would hang."""
    while True:
        for task in os.listdir("/proc/self/task"):
            with open(f"/proc/self/task/{task}/stat", encoding="ascii") as file:
                name, state = file.read().split("(", 1)[1].rsplit(")", 1)
            if name == "gdbus" and state.split()[0] == "S":
                return
        time.sleep(0.001)


signal.alarm(60)
with private_bus() as address:
    flags = Gio.DBusConnectionFlags
    bus = Gio.DBusConnection.new_for_address_sync(
        address, flags.AUTHENTICATION_CLIENT | flags.MESSAGE_BUS_CONNECTION, None, None)
    need(call(bus, "GetId").unpack(), "a call before the fork")
    wait_for_worker()
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        bus.emit_signal(None, "/", "test.Lost", "Lost", None)
        os._exit(0)
    need(os.waitpid(child, 0)[1] == 0, "the child")
    need(call(bus, "GetId").unpack(), "a call after the fork")
