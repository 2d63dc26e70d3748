#!/usr/bin/python3
# victim: concurrent.futures.ProcessPoolExecutor with forked workers
# clean: yes
# forbid: foreign-wakeup-write
# forbid: foreign-read
# forbid: busy-poll
#
# No bug: the workers inherit the executor's wakeup pipe and hold it. Holding is not using.
import concurrent.futures
import multiprocessing
import signal
import sys


def square(number):
    return number * number


signal.alarm(60)
with concurrent.futures.ProcessPoolExecutor(3, multiprocessing.get_context("fork")) as executor:
    futures = [executor.submit(square, number) for number in range(30)]
    late = list(executor.map(square, range(30), chunksize=5))
if [future.result() for future in futures] != late or late[5] != 25:
    sys.exit("not as labelled: wrong results")
