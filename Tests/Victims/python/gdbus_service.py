#!/usr/bin/python3
# victim: a GDBus service and its client on a private dbus-daemon: calls, signals, a subprocess, and threads that call
# clean: yes
# forbid: foreign-wakeup-write
# forbid: foreign-read
# forbid: inherited-signal-handler
# forbid: busy-poll
# needs: python3-gi, dbus-daemon
#
# No bug: GDBus' worker thread and the main loop wake each other within one process; the service is an exec'd one.
import signal
import subprocess
import sys
import threading

from servers import Server, lacking, need, private_bus

try:
    from gi.repository import Gio, GLib
except ImportError:
    lacking("python3-gi")
INTERFACE = "<node><interface name='test.Echo'><method name='Echo'><arg type='s' direction='in'/>" \
    "<arg type='s' direction='out'/></method><method name='Quit'/><signal name='Done'/></interface></node>"


def connect(address):
    flags = Gio.DBusConnectionFlags
    return Gio.DBusConnection.new_for_address_sync(
        address, flags.AUTHENTICATION_CLIENT | flags.MESSAGE_BUS_CONNECTION, None, None)


def serve(address):
    loop = GLib.MainLoop()

    def answer(connection, sender, path, interface, method, arguments, invocation):
        if method == "Echo":
            invocation.return_value(GLib.Variant("(s)", (arguments[0].upper(),)))
        else:
            connection.emit_signal(None, "/", "test.Echo", "Done", None)
            invocation.return_value(None)
            connection.flush_sync()
            loop.quit()

    bus = connect(address)
    bus.register_object("/", Gio.DBusNodeInfo.new_for_xml(INTERFACE).interfaces[0], answer, None, None)
    Gio.bus_own_name_on_connection(bus, "test.Echo", 0, lambda *_: print("ready", flush=True), None)
    loop.run()


def call(bus, method, arguments=None):
    return bus.call_sync("test.Echo", "/", "test.Echo", method, arguments, None, 0, 30000, None)


def use(bus, loop):
    for i in range(20):
        need(call(bus, "Echo", GLib.Variant("(s)", (f"word {i}",))).unpack() == (f"WORD {i}",), "an echo")
    need(GLib.spawn_command_line_sync("/bin/echo hello")[1] == b"hello\n", "a subprocess")
    GLib.idle_add(call, bus, "Quit")


signal.alarm(60)
if len(sys.argv) > 1:
    serve(sys.argv[1])
    sys.exit(0)
with private_bus() as address:
    with Server([sys.executable, __file__, address]) as service:
        service.wait_for("ready")
        bus = connect(address)
        loop = GLib.MainLoop()
        bus.signal_subscribe(None, "test.Echo", "Done", "/", None, 0, lambda *_: loop.quit())
        thread = threading.Thread(target=use, args=(bus, loop))
        thread.start()
        loop.run()
        thread.join()
        need(service.process.wait() == 0, "the service's end")
