# victim: parent and children write lines to one stream socket of a log daemon, which ends: all of them meet EPIPE
# clean: yes
# forbid: shared-connection
#
# No bug: nobody asks anything, and it is not what a child has said that ends the connection.
import multiprocessing
import os
import signal
import socket
import tempfile

signal.alarm(60)
folder = tempfile.mkdtemp()
listener = socket.socket(socket.AF_UNIX)
listener.bind(folder + "/s")
listener.listen()
context = multiprocessing.get_context("fork")
end, ended, written = context.Semaphore(0), context.Semaphore(0), context.Semaphore(0)


def collect():
    connection, _ = listener.accept()
    end.acquire()
    os._exit(0)


def log():
    client.sendall(b"one\n")
    written.release()
    ended.acquire()
    try:
        client.sendall(b"two\n")
    except BrokenPipeError:
        os._exit(0)


daemon = context.Process(target=collect)
daemon.start()
listener.close()
client = socket.socket(socket.AF_UNIX)
client.connect(folder + "/s")
client.sendall(b"zero\n")
workers = [context.Process(target=log) for _ in range(2)]
for worker in workers:
    worker.start()
    written.acquire()
client.sendall(b"three\n")
end.release()
daemon.join()
ended.release(), ended.release()
try:
    client.sendall(b"four\n")
    raise SystemExit("not as labelled: the daemon lives")
except BrokenPipeError:
    pass
for worker in workers:
    worker.join()
os.unlink(folder + "/s")
os.rmdir(folder)
