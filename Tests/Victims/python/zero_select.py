# victim: a program asks select with a timeout of 0 whether its child has written, and does nothing else
# expect: zero-timeout-spin kind=pipe victim=root
# forbid: busy-poll
#
import os
import select
import time

readable, writable = os.pipe()
end = time.monotonic() + 1.5
while time.monotonic() < end:
    assert select.select([readable], [], [], 0) == ([], [], [])
