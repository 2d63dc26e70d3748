#!/usr/bin/python3
# victim: a thread forks a multiprocessing process while an asyncio loop sleeps; the child calls call_soon_threadsafe
# expect: foreign-wakeup-write severity=warning kind=socketpair actor=child victim=root
# forbid: busy-poll
# forbid: foreign-read
# forbid: inherited-signal-handler
#
# The bug: the child schedules on its copy of the loop, which nobody runs there, and wakes the parent's, which has
# nothing to do. The callback is never called.
import asyncio
import multiprocessing
import signal
import sys
import threading


class Loop(asyncio.SelectorEventLoop):
    """Counts the times it is woken."""

    woken = 0

    def _read_from_self(self):
        self.woken += 1
        super()._read_from_self()


def child():
    loop.call_soon_threadsafe(called.append, True)


def start_child():
    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()
    exit_codes.append(process.exitcode)


async def main():
    thread = threading.Thread(target=start_child)
    thread.start()
    while not loop.woken or thread.is_alive():
        await asyncio.sleep(0.05)
    thread.join()


signal.alarm(60)
called, exit_codes = [], []
loop = Loop()
loop.run_until_complete(main())
loop.close()
if loop.woken != 1 or called or exit_codes != [0]:
    sys.exit(f"not as labelled: woken {loop.woken} times, called {called}, exit codes {exit_codes}")
