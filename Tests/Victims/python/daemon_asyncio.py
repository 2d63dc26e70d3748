#!/usr/bin/python3
# victim: a starter makes an asyncio loop, forks twice and exits; the daemon runs the loop, serves a socket and its signals
# clean: yes
# forbid: foreign-wakeup-write
# forbid: foreign-read
# forbid: inherited-signal-handler
# forbid: shared-epoll
#
# No bug: self-pipe, epoll instance and wakeup fd were the starter's, which uses none of them again.
import asyncio
import ctypes
import os
import signal
import socket
import sys
import tempfile
import threading

PR_SET_CHILD_SUBREAPER = 36
ROUNDS = 20


async def serve(listener):
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)

    async def answer(reader, writer):
        while line := await reader.readline():
            if line == b"threads\n":
                done = asyncio.Event()
                threading.Thread(target=loop.call_soon_threadsafe, args=(done.set,)).start()
                await done.wait()
            writer.write(b"%d\n" % os.getpid() if line == b"pid\n" else line.upper())
            await writer.drain()
        writer.close()

    async with await asyncio.start_unix_server(answer, sock=listener):
        await stopped.wait()


def start_daemon(listener):
    loop = asyncio.new_event_loop()
    loop.call_soon_threadsafe(loop.stop)
    loop.run_forever()
    if os.fork():
        os._exit(0)
    os.setsid()
    if os.fork():
        os._exit(0)
    signal.alarm(60)
    loop.run_until_complete(serve(listener))
    os._exit(0)


signal.alarm(60)
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
with tempfile.TemporaryDirectory(prefix="victim-", dir="/tmp") as folder:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{folder}/socket")
    listener.listen()
    starter = os.fork()
    if starter == 0:
        start_daemon(listener)
    if os.waitpid(starter, 0)[1] != 0:
        sys.exit("not as labelled: the starter failed")
    listener.close()
    client = socket.socket(socket.AF_UNIX)
    client.connect(f"{folder}/socket")
    with client, client.makefile("rb") as answers:
        for number in range(ROUNDS):
            client.sendall(b"threads\n" if number % 2 else b"hello\n")
            if answers.readline() not in (b"THREADS\n", b"HELLO\n"):
                sys.exit("not as labelled: another answer")
        client.sendall(b"pid\n")
        daemon = int(answers.readline())
    os.kill(daemon, signal.SIGTERM)
    while True:
        try:
            if os.wait()[1] != 0:
                sys.exit("not as labelled: the daemon's status")
        except ChildProcessError:
            break
