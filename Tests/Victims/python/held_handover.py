# victim: a listening socket is handed to a server by exec, under a number that it was told, which uses it; another that wants the address is refused
# clean: yes
# forbid: held-after-exec
#
import errno
import os
import socket
import subprocess
import sys
import time

SERVER = """
import select, socket
listener = socket.socket(fileno=9)
select.select([listener], [], [])
connection, _ = listener.accept()
connection.close()
"""

listener = socket.create_server(("127.0.0.1", 0))
address = listener.getsockname()


def hand_over():
    os.dup2(listener.fileno(), 9, inheritable=True)


server = subprocess.Popen(
    [sys.executable, "-c", SERVER], close_fds=False, preexec_fn=hand_over)
listener.close()
time.sleep(1)
try:
    socket.create_server(address)
    sys.exit("not as labelled: the address was free")
except OSError as error:
    assert error.errno == errno.EADDRINUSE
socket.create_connection(address).close()
server.wait()
