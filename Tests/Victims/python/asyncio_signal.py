#!/usr/bin/python3
# victim: after loop.add_signal_handler(SIGTERM), Process.terminate() of a forked child runs the parent's callback
# light: yes
# expect: inherited-signal-handler severity=error kind=socketpair actor=child victim=root
# forbid: foreign-wakeup-write
# forbid: busy-poll
# forbid: foreign-read
# note: needs CPython 3.11 or older: since 3.12 asyncio takes the wakeup fd away in a forked child (events.py, on_fork)
#
# The bug (cpython#94454): the child inherits CPython's handler and the wakeup fd, so its SIGTERM arrives as a byte in
# the socketpair of the parent's loop. The parent believes it was told to end; the child lives until kill().
import asyncio
import multiprocessing
import signal
import sys

signal.alarm(60)
fork = multiprocessing.get_context("fork")
ready, question, answer = fork.Semaphore(0), fork.Semaphore(0), fork.Semaphore(0)


def child():
    ready.release()
    while True:
        question.acquire()
        answer.release()


async def main():
    told_to_end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told_to_end.set)
    process = fork.Process(target=child)
    process.start()
    ready.acquire()
    process.terminate()
    await asyncio.wait_for(told_to_end.wait(), 30)
    question.release()
    alive = answer.acquire(timeout=30)
    process.kill()
    process.join()
    if not alive or process.exitcode != -signal.SIGKILL:
        sys.exit("not as labelled: the child did not survive SIGTERM")


asyncio.run(main())
