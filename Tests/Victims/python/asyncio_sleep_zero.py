# victim: a coroutine waits for a flag by sleep(0), so that the loop never waits
# expect: zero-timeout-spin kind=epoll victim=root
# clean: yes
# note: a loop that has work looks the same, so that this is worth a note only
#
import asyncio
import time


async def main():
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        await asyncio.sleep(0)


asyncio.run(main())
