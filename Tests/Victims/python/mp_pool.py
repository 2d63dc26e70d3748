#!/usr/bin/python3
# victim: multiprocessing.Pool twice: map and terminate, then map, close and join
# clean: yes
# forbid: foreign-wakeup-write
# forbid: foreign-read
# forbid: inherited-signal-handler
# forbid: busy-poll
#
# No bug: the workers share a task pipe, which any of them reads under a lock, and a result pipe, which all of them
# write. terminate() ends idle workers by SIGTERM, which is not handled, and may leave their end marks unread. (With
# tasks under way it can hang for ever, in CPython 3.11 about once in 150 runs; so there are none.)
import multiprocessing
import signal
import sys


def square(number):
    return number * number


signal.alarm(60)
fork = multiprocessing.get_context("fork")
expected = [number * number for number in range(60)]
with fork.Pool(3) as pool:
    first = pool.map(square, range(60), chunksize=4)
pool.join()
pool = fork.Pool(2)
second = pool.map(square, range(60), chunksize=10)
pool.close()
pool.join()
if first != expected or second != expected:
    sys.exit("not as labelled: wrong results")
