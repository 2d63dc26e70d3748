# victim: multiprocessing workers use the client of a server that their parent has connected
# expect: shared-connection kind=socket actor=child
#
import multiprocessing
import socket
import threading


def serve(listener):
    connection, _ = listener.accept()
    while data := connection.recv(100):
        connection.sendall(data)


def ask(number):
    text = b"%05d" % number
    with lock:
        client.sendall(text)
        return client.recv(5) == text


if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    listener = socket.create_server(("127.0.0.1", 0))
    server = context.Process(target=serve, args=(listener,), daemon=True)
    server.start()
    client = socket.create_connection(listener.getsockname())
    lock = context.Lock()
    with context.Pool(2) as pool:
        pool.map(ask, range(20), chunksize=1)
        assert ask(7)
    client.close()
    server.join(5)
