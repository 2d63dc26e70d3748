# victim: parent and children write lines to one stream socket of a log daemon; nobody reads; others exec or reconnect
# clean: yes
# forbid: shared-connection
#
import multiprocessing
import os
import socket
import subprocess

listener = socket.create_server(("127.0.0.1", 0))
context = multiprocessing.get_context("fork")


def collect():
    connection, _ = listener.accept()
    while connection.recv(1000):
        pass


def answer():
    while True:
        connection, _ = listener.accept()
        connection.sendall(connection.recv(100))
        connection.close()


def talk():
    with socket.create_connection(listener.getsockname()) as own:
        own.sendall(b"x")
        assert own.recv(10) == b"x"


def log(number):
    client.sendall(b"line %d\n" % number)


if __name__ == "__main__":
    daemon = context.Process(target=collect)
    daemon.start()
    client = socket.create_connection(listener.getsockname())
    for number in range(3):
        child = context.Process(target=log, args=(number,))
        child.start()
        log(10)
        child.join()
    subprocess.run(["true"])
    client.close()
    daemon.join()
    server = context.Process(target=answer, daemon=True)
    server.start()
    for number in range(3):
        talk()
        child = context.Process(target=talk)
        child.start()
        child.join()
    server.terminate()
