#!/usr/bin/python3
# victim: asyncio woken by threads of its own process: run_in_executor and call_soon_threadsafe, 200 times each
# clean: yes
# forbid: foreign-wakeup-write
# forbid: foreign-read
# forbid: busy-poll
#
# No bug: the socketpair that wakes the loop is written and read by one process.
import asyncio
import signal
import sys
import threading

ROUNDS = 200


def wake(loop, event):
    loop.call_soon_threadsafe(event.set)


async def main():
    loop = asyncio.get_running_loop()
    results = [await loop.run_in_executor(None, abs, -number) for number in range(ROUNDS)]
    for _ in range(ROUNDS // 20):
        events = [asyncio.Event() for _ in range(20)]
        thread = threading.Thread(target=lambda: [wake(loop, event) for event in events])
        thread.start()
        for event in events:
            await event.wait()
        thread.join()
    if results != list(range(ROUNDS)):
        sys.exit("not as labelled: wrong results")


signal.alarm(60)
asyncio.run(main())
