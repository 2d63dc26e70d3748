# victim: a server restarts itself by exec, and its old listening socket, made inheritable, is still there
# expect: held-after-exec severity=error kind=socket
#
import errno
import os
import socket
import sys

listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
if len(sys.argv) > 1:
    try:
        listener.bind(("127.0.0.1", int(sys.argv[1])))
        sys.exit("not as labelled: the address was free")
    except OSError as error:
        assert error.errno == errno.EADDRINUSE
else:
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    listener.close()
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen()
    listener.set_inheritable(True)
    os.execv(sys.executable, [sys.executable, __file__, str(port)])
