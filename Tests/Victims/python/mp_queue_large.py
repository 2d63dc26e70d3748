#!/usr/bin/python3
# victim: parent and two forked children take messages of 20,000 bytes from one multiprocessing.Queue, with timeouts
# clean: yes
# forbid: foreign-wakeup-write
# forbid: foreign-read
# forbid: busy-poll
#
# No bug: of a message above 16 KiB the length is written by itself, as 4 bytes, and the body after it. The queue's lock
# keeps the two together for whoever reads.
import multiprocessing
import signal
import sys
import time

CHILDREN, MESSAGES, OWN, SIZE = 2, 30, 6, 20_000


def take():
    while True:
        message = messages.get(timeout=30)
        if message is None:
            return
        sizes.put(len(message))
        time.sleep(0.003)


signal.alarm(60)
fork = multiprocessing.get_context("fork")
messages, sizes = fork.Queue(), fork.Queue()
children = [fork.Process(target=take) for _ in range(CHILDREN)]
for child in children:
    child.start()
for number in range(MESSAGES):
    messages.put(bytes([number]) * SIZE)
total = 0
for _ in range(OWN):
    total += len(messages.get(timeout=30))
    time.sleep(0.002)
for _ in children:
    messages.put(None)
total += sum(sizes.get(timeout=30) for _ in range(MESSAGES - OWN))
for child in children:
    child.join()
if total != MESSAGES * SIZE or any(child.exitcode for child in children):
    sys.exit(f"not as labelled: {total} bytes")
