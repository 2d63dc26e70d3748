#!/usr/bin/python3
# victim: ZeroMQ's threads and sockets in a parent; a forked child makes a context of its own, and sends to the parent
# clean: yes
# forbid: foreign-wakeup-write
# forbid: foreign-read
# forbid: shared-epoll
# needs: python3-zmq
#
# No bug: libzmq knows by the pid that a signaler is not its own, and the child never uses the parent's context.
import multiprocessing
import signal
import tempfile
import threading

from servers import lacking, need

try:
    import zmq
except ImportError:
    lacking("python3-zmq")
MESSAGES = 50
fork = multiprocessing.get_context("fork")


def send(address):
    with zmq.Context() as context, context.socket(zmq.PUSH) as socket:
        socket.connect(address)
        for number in range(MESSAGES):
            socket.send_string(str(number))


signal.alarm(60)
with tempfile.TemporaryDirectory(prefix="victim-", dir="/tmp") as folder:
    with zmq.Context.instance() as context, context.socket(zmq.PULL) as socket:
        socket.bind(f"ipc://{folder}/socket")
        socket.bind("inproc://threads")
        children = [fork.Process(target=send, args=(f"ipc://{folder}/socket",)) for _ in range(2)]
        for child in children:
            child.start()

        def post():
            with context.socket(zmq.PUSH) as pusher:
                pusher.connect("inproc://threads")
                for number in range(MESSAGES):
                    pusher.send_string(str(number))

        thread = threading.Thread(target=post)
        thread.start()
        for _ in range(3 * MESSAGES):
            need(socket.poll(30000), "a message")
            socket.recv_string()
        thread.join()
        for child in children:
            child.join()
            need(child.exitcode == 0, "a child")
