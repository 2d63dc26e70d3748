#!/usr/bin/python3
# victim: gunicorn with two workers on a unix socket: requests, one worker more, a reload, and its end
# clean: yes
# forbid: foreign-wakeup-write
# forbid: foreign-read
# forbid: inherited-signal-handler
# forbid: shared-epoll
# needs: gunicorn
#
# No bug: a worker inherits the arbiter's pipe, sets handlers and makes a pipe of its own before it can get a signal.
import http.client
import os
import signal
import socket

from servers import Server, need, program, temporary_folder


def fetch(path, times):
    for _ in range(times):
        connection = http.client.HTTPConnection("localhost", timeout=30)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(path)
        connection.request("GET", "/")
        response = connection.getresponse()
        need(response.status == 200 and response.read() == b"hello", "the answer")
        connection.close()


signal.alarm(60)
gunicorn = program("gunicorn")
with temporary_folder() as folder:
    with open(os.path.join(folder, "application.py"), "w", encoding="utf-8") as file:
        file.write("def application(environ, start):\n"
                   "    start('200 OK', [('Content-Type', 'text/plain')])\n"
                   "    return [b'hello']\n")
    with Server(["/usr/bin/python3", gunicorn, "--workers", "2", "--bind", f"unix:{folder}/socket", "--worker-tmp-dir", folder,
                 "--graceful-timeout=20", "application:application"],
                cwd=folder) as server:
        server.wait_for("Booting worker", times=2)
        fetch(f"{folder}/socket", 10)
        server.send(signal.SIGTTIN)
        server.wait_for("Booting worker")
        server.send(signal.SIGHUP)
        server.wait_for("Worker exiting", times=3)
        fetch(f"{folder}/socket", 10)
        server.stop(signal.SIGTERM)
