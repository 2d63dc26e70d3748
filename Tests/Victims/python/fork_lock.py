# victim: a multiprocessing child takes a threading.Lock that another thread held at the fork
# expect: fork-while-threaded severity=error kind=futex
#
import multiprocessing
import sys
import threading
import time

lock = threading.Lock()
held = threading.Event()


def work():
    with lock:
        held.set()
        time.sleep(1)


def report():
    with lock:
        pass


if __name__ == "__main__":
    thread = threading.Thread(target=work)
    thread.start()
    held.wait()
    child = multiprocessing.get_context("fork").Process(target=report)
    child.start()
    child.join(3)
    if not child.is_alive():
        sys.exit("not as labelled: the child has got the lock")
    child.kill()
    child.join()
    thread.join()
