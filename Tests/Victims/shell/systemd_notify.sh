#!/bin/sh
# victim: a supervisor's NOTIFY_SOCKET: services and their helpers send READY=1, STATUS= and WATCHDOG=1 as datagrams
# clean: yes
# forbid: foreign-wakeup-write
# forbid: foreign-read
#
# No bug: datagrams of several processes on one socket; the supervisor alone reads.
exec /usr/bin/python3 - << 'END'
import os, signal, socket, subprocess, sys, tempfile
signal.alarm(60)
NOTIFY = ("import os, socket\n"
          "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
          "s.connect(os.environ['NOTIFY_SOCKET'])\n"
          "if os.fork() == 0:\n"
          "    for i in range(10): s.send(b'WATCHDOG=1')\n"
          "    os._exit(0)\n"
          "os.wait()\n"
          "s.send(b'READY=1\\nSTATUS=up')\n")
with tempfile.TemporaryDirectory(prefix="victim-", dir="/tmp") as folder:
    server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    server.bind(folder + "/notify")
    environment = dict(os.environ, NOTIFY_SOCKET=folder + "/notify")
    services = [subprocess.Popen([sys.executable, "-c", NOTIFY], env=environment) for _ in range(2)]
    alive = ready = 0
    while ready < 2:
        message = server.recv(4096)
        alive += message == b"WATCHDOG=1"
        ready += message.startswith(b"READY=1")
    if alive != 20 or any(service.wait() for service in services):
        sys.exit("not as labelled: messages are missing")
END
