# victim: a forked child waits for items of a queue.Queue that a thread of its parent fills
# expect: fork-while-threaded severity=error kind=futex
#
import os
import queue
import signal
import sys
import threading
import time

items = queue.Queue()


def fill():
    for number in range(4):
        time.sleep(1)
        items.put(number)


thread = threading.Thread(target=fill)
thread.start()
child = os.fork()
if child == 0:
    items.get()
    os._exit(0)
thread.join()
if os.waitpid(child, os.WNOHANG) != (0, 0):
    sys.exit("not as labelled: the child has got an item")
os.kill(child, signal.SIGKILL)
os.waitpid(child, 0)
