#!/usr/bin/python3
# victim: tornado's fork_processes: two processes accept on one listening socket, each with a loop made after the fork
# clean: yes
# forbid: foreign-wakeup-write
# forbid: foreign-read
# forbid: shared-epoll
# needs: python3-tornado
#
# No bug: the socket is shared, and it is a listening one.
import http.client
import os
import signal

from servers import lacking, need

try:
    import tornado.httpserver
    import tornado.ioloop
    import tornado.netutil
    import tornado.process
    import tornado.web
except ImportError:
    lacking("python3-tornado")


class Page(tornado.web.RequestHandler):
    def get(self):
        self.write("hello")


def serve():
    tornado.process.fork_processes(2, max_restarts=0)
    signal.alarm(60)
    server = tornado.httpserver.HTTPServer(tornado.web.Application([("/", Page)]))
    server.add_sockets(sockets)
    loop = tornado.ioloop.IOLoop.current()
    signal.signal(signal.SIGTERM, lambda *_: loop.add_callback_from_signal(loop.stop))
    os.write(write_end, b".")
    loop.start()
    os._exit(0)


signal.alarm(60)
sockets = tornado.netutil.bind_sockets(0, "127.0.0.1")
port = sockets[0].getsockname()[1]
read_end, write_end = os.pipe()
master = os.fork()
if master == 0:
    os.setpgrp()
    os.close(read_end)
    serve()
os.close(write_end)
ready = b""
while len(ready) < 2:
    part = os.read(read_end, 2)
    need(part, "two servers")
    ready += part
for _ in range(20):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/")
    need(connection.getresponse().read() == b"hello", "the answer")
    connection.close()
with open(f"/proc/{master}/task/{master}/children", encoding="ascii") as children:
    for child in children.read().split():
        os.kill(int(child), signal.SIGTERM)
need(os.waitpid(master, 0)[1] == 0, "the servers' end")
