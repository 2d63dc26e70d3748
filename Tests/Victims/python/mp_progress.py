#!/usr/bin/python3
# victim: a forked child reports progress with put(None), and the parent counts it with get(timeout)
# clean: yes
# forbid: foreign-wakeup-write
# forbid: foreign-read
# forbid: busy-poll
#
# No bug, with every outward sign of the founding one: the child writes constant 8 bytes, the parent polls and reads,
# both keep both ends. The bytes are read as a message: its length, then so many.
import multiprocessing
import signal
import sys

STEPS = 40


def work():
    for _ in range(STEPS):
        progress.put(None)


signal.alarm(60)
fork = multiprocessing.get_context("fork")
progress = fork.Queue()
progress.put(None)
child = fork.Process(target=work)
child.start()
for _ in range(STEPS + 1):
    if progress.get(timeout=30) is not None:
        sys.exit("not as labelled: an unknown message")
child.join()
sys.exit(child.exitcode)
