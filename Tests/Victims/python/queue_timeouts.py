#!/usr/bin/python3
# victim: a parent asks for progress with short timeouts, mostly in vain, and in between a thread with an Event does the same
# clean: yes
# forbid: foreign-wakeup-write
# forbid: foreign-read
# forbid: busy-poll
#
# No bug: an empty answer after a wait is rest; what the worker puts is read as messages.
import multiprocessing
import queue
import signal
import sys
import threading

STEPS = 20
fork = multiprocessing.get_context("fork")


def work():
    for step in range(STEPS):
        may_go_on.acquire()
        progress.put(step)
    progress.put(None)


def watch():
    global looks
    while not ended.wait(0.002):
        looks += 1


signal.alarm(60)
progress, may_go_on = fork.Queue(), fork.Semaphore(0)
ended, looks, empty, got = threading.Event(), 0, 0, []
worker = fork.Process(target=work)
worker.start()
thread = threading.Thread(target=watch)
thread.start()
while None not in got:
    try:
        got.append(progress.get(timeout=0.004))
    except queue.Empty:
        empty += 1
        may_go_on.release()
ended.set()
thread.join()
worker.join()
if got[:-1] != list(range(STEPS)) or worker.exitcode != 0 or empty < STEPS:
    sys.exit("not as labelled: the messages")
