#!/usr/bin/python3
# victim: threads pass items through queue.Queue, and wake a selector loop of their own process through a socketpair
# clean: yes
# forbid: foreign-wakeup-write
# forbid: foreign-read
# forbid: busy-poll
#
# No bug: one process; each wakeup is read before the loop looks at its queue.
import queue
import selectors
import signal
import socket
import sys
import threading

ITEMS, THREADS = 1000, 4


def produce():
    for number in range(ITEMS // THREADS):
        items.put(number)
        wake.send(b"w")


signal.alarm(60)
items = queue.Queue()
woken, wake = socket.socketpair()
woken.setblocking(False)
threads = [threading.Thread(target=produce) for _ in range(THREADS)]
for thread in threads:
    thread.start()
received = 0
with selectors.DefaultSelector() as selector:
    selector.register(woken, selectors.EVENT_READ)
    while received < ITEMS:
        selector.select()
        received += len(woken.recv(4096))
for thread in threads:
    thread.join()
if items.qsize() != ITEMS:
    sys.exit("not as labelled: items are missing")
