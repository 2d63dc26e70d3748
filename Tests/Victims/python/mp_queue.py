#!/usr/bin/python3
# victim: parent and forked children put to and get from one multiprocessing.Queue, with timeouts
# clean: yes
# forbid: foreign-wakeup-write
# forbid: foreign-read
# forbid: busy-poll
#
# No bug: all of them read and write one pipe and keep both ends, but messages have a length and are read as data, and
# any getter may be the addressee.
import multiprocessing
import signal
import sys

CHILDREN, EACH = 3, 8


def take_and_return():
    for _ in range(EACH):
        queue.put(queue.get(timeout=30) + 1)


signal.alarm(60)
fork = multiprocessing.get_context("fork")
queue = fork.Queue()
for _ in range(CHILDREN * 2):
    queue.put(0)
children = [fork.Process(target=take_and_return) for _ in range(CHILDREN)]
for child in children:
    child.start()
take_and_return()
for child in children:
    child.join()
total = sum(queue.get(timeout=30) for _ in range(CHILDREN * 2))
if total != (CHILDREN + 1) * EACH or any(child.exitcode for child in children):
    sys.exit(f"not as labelled: {total}")
