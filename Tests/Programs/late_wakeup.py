"""A wakeup channel and a forked child, then much that has nothing to do with them, then the child writes the channel: PIPE|PAIR|EVENTFD."""
import os
import select
import signal
import socket
import sys

NOISE = 6000
one = b"\0"
if sys.argv[1] == "pair":
    ours, theirs = socket.socketpair()
    reader, writer = ours.fileno(), theirs.fileno()
elif sys.argv[1] == "eventfd":
    reader = writer = os.eventfd(0, os.EFD_NONBLOCK)
    one = (1).to_bytes(8, "little")
else:
    reader, writer = os.pipe()
loop = select.poll()
loop.register(reader, select.POLLIN)


def wake_myself():
    os.write(writer, one)
    loop.poll()
    os.read(reader, 8)


for turn in range(5):
    wake_myself()
go = os.pipe()
done = os.pipe()
child = os.fork()
if child == 0:
    os.read(go[0], 1)
    os.write(writer, one)
    os.write(done[1], b"d")
    signal.pause()
noise = os.pipe()
for number in range(NOISE):
    # Each another payload, so that no two calls are alike.
    os.write(noise[1], number.to_bytes(4, "little"))
    os.read(noise[0], 4)
wake_myself()
os.write(go[1], b"g")
os.read(done[0], 1)
for turn in range(3000):
    assert loop.poll() == [(reader, select.POLLIN)]
os.kill(child, signal.SIGKILL)
os.waitpid(child, 0)
print("as it should be")
