# victim: a child shuts down the unix socket that it inherited, and the parent's connection ends
# expect: shared-connection severity=error kind=socket actor=child victim=root
#
import os
import socket
import tempfile
import threading

folder = tempfile.mkdtemp()
listener = socket.socket(socket.AF_UNIX)
listener.bind(folder + "/s")
listener.listen()


def serve():
    connection, _ = listener.accept()
    while data := connection.recv(100):
        connection.sendall(data)
    connection.close()


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
    client.shutdown(socket.SHUT_RDWR)
    os._exit(0)
os.waitpid(child, 0)
assert client.recv(100) == b""
os.waitpid(server, 0)
os.unlink(folder + "/s")
os.rmdir(folder)
