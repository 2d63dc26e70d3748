#!/usr/bin/python3
# victim: asyncio runs programs with pipes, at the same time and one after the other, and waits for them
# clean: yes
# forbid: foreign-wakeup-write
# forbid: foreign-read
# forbid: inherited-signal-handler
# forbid: busy-poll
#
# No bug: the children exec at once. The loop is woken by the watcher's thread, which belongs to its process.
import asyncio
import signal
import sys


async def run(text):
    process = await asyncio.create_subprocess_exec(
        "cat", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate(text)
    return process.returncode == 0 and out == text


async def main():
    together = await asyncio.gather(*(run(b"%d\n" % number) for number in range(4)))
    alone = [await run(b"x" * 5000) for _ in range(3)]
    shell = await asyncio.create_subprocess_shell("cat > /dev/null; exit 3", stdin=asyncio.subprocess.PIPE)
    await shell.communicate(b"input")
    if not all(together + alone) or shell.returncode != 3:
        sys.exit("not as labelled: wrong results")


signal.alarm(60)
asyncio.run(main())
