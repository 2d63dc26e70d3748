# victim: asyncio's communicate() waits for the output of a daemon that the command left behind
# expect: eof-never-comes severity=error actor=child victim=root
#
import asyncio


async def main():
    process = await asyncio.create_subprocess_shell("sleep 3 & echo hi", stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    assert output == b"hi\n"


asyncio.run(main())
