# victim: tasks that compute and give way by sleep(0): the loop polls with 0 by right
# clean: yes
# forbid: zero-timeout-spin
#
import asyncio
import hashlib
import time


async def work(end):
    while time.monotonic() < end:
        hashlib.sha256(b"x" * 100_000).digest()
        await asyncio.sleep(0)


async def main():
    await asyncio.gather(*(work(time.monotonic() + 1.5) for _ in range(4)))


asyncio.run(main())
