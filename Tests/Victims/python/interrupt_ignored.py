#!/usr/bin/python3
# victim: SIGINT to a process group; its forked workers catch KeyboardInterrupt and live on until the parent kills them
# clean: yes
# forbid: inherited-signal-handler
# forbid: foreign-wakeup-write
# forbid: foreign-read
#
# No bug: a worker outlives the signal by an inherited handler, and it takes SIGKILL to end it. But it is meant so:
# Ctrl-C reaches all, and it is for the parent to shut down.
import multiprocessing
import os
import signal
import sys
import time


def work():
    signal.alarm(60)
    try:
        ready.release()
        while True:
            time.sleep(0.02)  # short, as a signal that comes just before a sleep does not end it
    except KeyboardInterrupt:
        caught.release()
    while True:
        time.sleep(0.02)


signal.alarm(60)
os.setpgid(0, 0)
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs start with it ignored
fork = multiprocessing.get_context("fork")
ready, caught = fork.Semaphore(0), fork.Semaphore(0)
workers = [fork.Process(target=work) for _ in range(2)]
for worker in workers:
    worker.start()
for _ in workers:
    ready.acquire()
interrupted = False
try:
    os.killpg(0, signal.SIGINT)
    time.sleep(60)
except KeyboardInterrupt:
    interrupted = True
for _ in workers:
    caught.acquire()
for worker in workers:
    worker.kill()
    worker.join()
if not interrupted or any(worker.exitcode != -signal.SIGKILL for worker in workers):
    sys.exit(f"not as labelled: {[worker.exitcode for worker in workers]}")
