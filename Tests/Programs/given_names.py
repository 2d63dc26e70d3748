"""A thread that makes a process, that makes a thread: each has a name of its own. Their attributes lie where CPython puts them at
first, and in a dict."""
import multiprocessing
import os
import threading


def within():
    os.write(writer, b"2")


def child():
    os.write(writer, b"1")
    thread = threading.Thread(target=within, name="Inner")
    # From here on the instance has a dict.
    vars(thread)["extra"] = 1
    thread.start()
    thread.join()


def start():
    process = multiprocessing.get_context("fork").Process(target=child, name="Läufer-7")
    process.start()
    process.join()


reader, writer = os.pipe()
starter = threading.Thread(target=start, name="Starter")
starter.start()
starter.join()
assert os.read(reader, 8) == b"12"
