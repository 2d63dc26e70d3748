#!/usr/bin/python3
# victim: threads fork Pools and process executors while the main thread runs an asyncio loop that they report to
# clean: yes
# forbid: foreign-wakeup-write
# forbid: foreign-read
# forbid: inherited-signal-handler
# forbid: shared-epoll
# forbid: busy-poll
#
# No bug: the workers inherit the loop and use nothing of it; results come back through their own pipes, and the threads of
# the parent wake the loop.
import asyncio
import concurrent.futures
import multiprocessing
import signal
import sys

fork = multiprocessing.get_context("fork")


def square(number):
    return number * number


def run_pool():
    with fork.Pool(2) as pool:
        return sum(pool.imap_unordered(square, range(50), chunksize=5))


def run_executor():
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=fork) as executor:
        return sum(executor.map(square, range(50)))


async def main():
    loop = asyncio.get_running_loop()
    ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.005)

    ticker = asyncio.create_task(tick())
    for run in (run_pool, run_executor, run_pool):
        if await asyncio.to_thread(run) != 40425:
            sys.exit("not as labelled: the sum")
    ticker.cancel()
    if ticks < 2:
        sys.exit("not as labelled: the loop did not run")


signal.alarm(60)
asyncio.run(main())
