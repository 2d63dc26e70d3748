#!/usr/bin/python3
# victim: a multiprocessing.Manager's list and lock used by parent and forked children
# clean: yes
# forbid: foreign-wakeup-write
# forbid: foreign-read
# forbid: inherited-signal-handler
# forbid: busy-poll
#
# No bug: the manager is a forked server; each client has a connection of its own to its AF_UNIX socket.
import multiprocessing
import signal
import sys

CHILDREN, EACH = 3, 5


def append(numbers, lock):
    for _ in range(EACH):
        with lock:
            numbers.append(len(numbers))


signal.alarm(60)
fork = multiprocessing.get_context("fork")
with fork.Manager() as manager:
    numbers, lock = manager.list(), manager.Lock()
    children = [fork.Process(target=append, args=(numbers, lock)) for _ in range(CHILDREN)]
    for child in children:
        child.start()
    append(numbers, lock)
    for child in children:
        child.join()
    result = list(numbers)
if result != list(range((CHILDREN + 1) * EACH)):
    sys.exit(f"not as labelled: {result}")
