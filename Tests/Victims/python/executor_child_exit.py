#!/usr/bin/python3
# victim: os.fork while a ProcessPoolExecutor lives; the child leaves by sys.exit, which runs the executor's exit hook
# expect: foreign-wakeup-write severity=warning kind=pipe actor=child victim=root
# forbid: busy-poll
# forbid: foreign-read
# forbid: inherited-signal-handler
#
# The bug: in the child, concurrent.futures' exit hook wakes the thread that manages the executor, so that it may end.
# That thread lives in the parent only. The child should have left by os._exit.
import concurrent.futures
import multiprocessing
import os
import signal
import sys

signal.alarm(60)
executor = concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context("fork"))
first = executor.submit(abs, -3).result()
pid = os.fork()
if pid == 0:
    sys.stderr = open(os.devnull, "w")  # another hook joins the workers, and complains that they are not its own
    sys.exit(0)
_, status = os.waitpid(pid, 0)
second = executor.submit(abs, -5).result()
executor.shutdown()
if (first, second, status) != (3, 5, 0):
    sys.exit(f"not as labelled: {first}, {second}, status {status}")
