#!/usr/bin/python3
# victim: four forked children and a thread count their work by constant records of 8 bytes in a pipe that is polled
# clean: yes
# forbid: foreign-wakeup-write
# forbid: foreign-read
# forbid: busy-poll
#
# No bug, with every outward sign of one: always the same 8 bytes, from the process itself and from children that never
# exec; all keep both ends. But the parent reads one record at a time and counts by what it says.
import os
import select
import signal
import struct
import sys
import threading
import time

CHILDREN, EACH = 4, 10
RECORD = struct.Struct("<II")


def work():
    for _ in range(EACH):
        os.write(write_end, RECORD.pack(1, 0))
        time.sleep(0.002)


signal.alarm(60)
read_end, write_end = os.pipe()
children = []
for _ in range(CHILDREN):
    pid = os.fork()
    if pid == 0:
        work()
        os._exit(0)
    children.append(pid)
thread = threading.Thread(target=work)
thread.start()
poll = select.poll()
poll.register(read_end, select.POLLIN)
done = 0
while done < (CHILDREN + 1) * EACH:
    poll.poll()
    steps, _ = RECORD.unpack(os.read(read_end, RECORD.size))
    done += steps
thread.join()
if any([os.waitpid(pid, 0)[1] for pid in children]) or done != (CHILDREN + 1) * EACH:
    sys.exit(f"not as labelled: {done} steps")
