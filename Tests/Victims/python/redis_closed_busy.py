#!/usr/bin/python3
# victim: a client waits for messages of redis-server; the server ends, and the client polls the closed connection for ever
# expect: busy-poll severity=error kind=socket victim=root
# forbid: foreign-wakeup-write
# forbid: foreign-read
# needs: redis-server
#
# The bug (celery#1558 and many more): at its end the connection is readable, and nobody reads the end.
import select
import signal
import socket

from servers import Server, need, program, temporary_folder

SPIN = 3000

signal.alarm(60)
server_program = program("redis-server")
with temporary_folder() as folder:
    with Server([server_program, "--port", "0", "--unixsocket", f"{folder}/socket", "--dir", folder, "--save", ""]) as server:
        server.wait_for("eady to accept connections")
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(f"{folder}/socket")
        connection.sendall(b"SUBSCRIBE news\r\n")
        answer = b""
        while not answer.endswith(b":1\r\n"):
            answer += connection.recv(4096)
        server.stop(signal.SIGTERM)
        for _ in range(SPIN):
            ready, _, _ = select.select([connection], [], [])
            need(ready, "the connection is readable")
        need(connection.recv(1) == b"", "the connection's end")
