# victim: children of a process with threads that wait for a signal, for a time, for their own threads, or on multiprocessing's queue
# clean: yes
# forbid: fork-while-threaded
#
import concurrent.futures
import multiprocessing
import os
import queue
import signal
import threading
import time

ready = multiprocessing.get_context("fork").Event()


def until_told():
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    ready.set()
    stop.wait()


def until_late():
    threading.Event().wait(2)


def with_threads():
    own = queue.Queue()
    threading.Thread(target=lambda: (time.sleep(2), own.put(1))).start()
    own.get()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(abs, range(4)))
        time.sleep(1.5)


def take(items):
    while items.get() is not None:
        pass


if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    items = context.Queue()
    told = context.Process(target=until_told)
    others = [context.Process(target=until_late), context.Process(target=with_threads)]
    worker = context.Process(target=take, args=(items,))
    for child in (told, worker, *others):
        child.start()
    ready.wait()
    items.put(1)
    for child in others:
        child.join()
    told.terminate()
    told.join()
    items.put(None)
    worker.join()
    done.set()
    thread.join()
    assert told.exitcode == 0 and worker.exitcode == 0
