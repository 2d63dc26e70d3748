# victim: a forked child closes the inherited asyncio loop; its self-pipe leaves the parent's epoll instance
# expect: shared-epoll severity=error kind=epoll actor=child victim=root
# forbid: foreign-read
# forbid: foreign-wakeup-write
#
# The bug: loop.close() unregisters the self-pipe, and EPOLL_CTL_DEL takes effect in the parent, whose
# call_soon_threadsafe wakes nobody from then on.
import asyncio
import os
import signal
import sys
import threading
import time

signal.alarm(60)


def child(loop):
    loop._running_loop = None
    asyncio._set_running_loop(None)
    loop._thread_id = None
    loop.close()
    os._exit(0)


async def main():
    loop = asyncio.get_running_loop()
    pid = os.fork()
    if pid == 0:
        child(loop)
    os.waitpid(pid, 0)
    called = threading.Event()

    def wake():
        time.sleep(0.1)
        loop.call_soon_threadsafe(called.set)

    thread = threading.Thread(target=wake)
    thread.start()
    # One long wait: call_soon_threadsafe should end it early.
    began = time.monotonic()
    await asyncio.sleep(1)
    thread.join()
    return time.monotonic() - began, called.is_set()


took, _ = asyncio.run(main())
if took < 0.9:
    sys.exit("not as labelled: the loop was not asleep")
