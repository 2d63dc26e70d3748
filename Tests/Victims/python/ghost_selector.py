# victim: a socket is closed without unregister while a forked worker has it; select() returns its key again and again
# expect: ghost-epoll-entry severity=error victim=root
# forbid: shared-epoll
#
# The bug: celery#4185. The pool's worker inherited the socket; the parent closes it and forgets the selector.
import os
import selectors
import signal
import socket
import sys
import time

signal.alarm(60)
listener = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(listener.getsockname())
connection, _ = listener.accept()
selector = selectors.DefaultSelector()
selector.register(connection, selectors.EVENT_READ)
wake_read, wake_write = os.pipe()

pid = os.fork()
if pid == 0:
    os.close(wake_write)
    os.read(wake_read, 1)
    os._exit(0)

number = connection.fileno()
connection.close()
client.send(b"hello")
ghosts = 0
for _ in range(30):
    for key, _ in selector.select(1):
        if key.fd == number:
            ghosts += 1
    time.sleep(0.002)
if ghosts < 30:
    sys.exit("not as labelled: %d ghosts" % ghosts)
os.close(wake_write)
os.waitpid(pid, 0)
