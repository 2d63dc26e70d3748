# victim: a pooled client's cleanup in a child says goodbye; the server ends, and the parent's next question fails with EPIPE
# expect: shared-connection severity=error kind=socket actor=child victim=root
#
# The bug: what psycopg2 meets on a unix socket. The server has closed when the parent asks again, so that the question itself
# fails and no end is read before. That answers are read here the poll before the fork says.
import os
import select
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
answers = select.poll()
answers.register(client, select.POLLIN)
client.sendall(b"hello")
assert answers.poll() and client.recv(100) == b"hello"
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
