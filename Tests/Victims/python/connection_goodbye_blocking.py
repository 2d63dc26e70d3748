# victim: a blocking client's cleanup in a child says goodbye, and the parent's next question fails with EPIPE
# expect: shared-connection kind=socket actor=child victim=root
# note: scope wakeups does not see the reads before the fork, and so does not know that answers are read: a note
#
# The bug: what PyMySQL meets on a unix socket, as in connection_goodbye.py.
import os
import signal
import socket
import tempfile

signal.alarm(60)
folder = tempfile.mkdtemp()
listener = socket.socket(socket.AF_UNIX)
listener.bind(folder + "/s")
listener.listen()


def serve():
    connection, _ = listener.accept()
    while (data := connection.recv(100)) != b"goodbye":
        connection.sendall(data)


server = os.fork()
if server == 0:
    serve()
    os._exit(0)
listener.close()
client = socket.socket(socket.AF_UNIX)
client.connect(folder + "/s")
client.sendall(b"hello")
assert client.recv(100) == b"hello"
child = os.fork()
if child == 0:
    client.sendall(b"goodbye")
    os._exit(0)
os.waitpid(child, 0)
os.waitpid(server, 0)
try:
    client.sendall(b"again")
    raise SystemExit("not as labelled: the connection lives")
except BrokenPipeError:
    pass
os.unlink(folder + "/s")
os.rmdir(folder)
