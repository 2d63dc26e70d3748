#!/usr/bin/python3
# victim: socketserver's ForkingMixIn: a child for each connection, while the parent accepts and reaps
# clean: yes
# forbid: foreign-wakeup-write
# forbid: foreign-read
# forbid: shared-epoll
# forbid: ghost-epoll-entry
# forbid: fd-clobbered
#
# No bug: the parent closes its copy of each connection at once, and the child never uses the rest.
import signal
import socket
import socketserver
import sys
import threading

CONNECTIONS, LINES = 8, 10


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        # By count: the child has a copy of the client's end, too, and would wait for an end of its own making.
        for _ in range(LINES):
            self.wfile.write(self.rfile.readline().upper())


class Server(socketserver.ForkingMixIn, socketserver.TCPServer):
    block_on_close = True


signal.alarm(60)
with Server(("127.0.0.1", 0), Handler) as server:
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    for _ in range(CONNECTIONS):
        with socket.create_connection(server.server_address, timeout=30) as connection, connection.makefile("rwb") as file:
            for _ in range(LINES):
                file.write(b"hello\n")
                file.flush()
                if file.readline() != b"HELLO\n":
                    sys.exit("not as labelled: the answer")
    server.shutdown()
    thread.join()
