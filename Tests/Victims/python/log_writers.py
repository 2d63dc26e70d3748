#!/usr/bin/python3
# victim: forked workers log to one syslog-like datagram socket, one journald-like stream and one file
# clean: yes
# forbid: foreign-wakeup-write
# forbid: foreign-read
# forbid: shared-epoll
#
# No bug: many write in one direction, whole lines or datagrams, and another process, which had exec'd, reads.
import logging
import logging.handlers
import os
import signal
import socket
import subprocess
import sys
import tempfile

WORKERS, LINES = 3, 20
COLLECTOR = """
import selectors, socket, sys
datagrams = socket.socket(fileno=int(sys.argv[1]))
stream = socket.socket(fileno=int(sys.argv[2]))
wanted = int(sys.argv[3])
selector = selectors.DefaultSelector()
selector.register(datagrams, selectors.EVENT_READ)
selector.register(stream, selectors.EVENT_READ)
records = lines = 0
while records < wanted or lines < wanted:
    for key, _ in selector.select(30):
        if key.fileobj is datagrams:
            records += b"record" in datagrams.recv(4096)
        else:
            lines += stream.recv(4096).count(b"\\n")
"""


def work(number):
    for i in range(LINES):
        logger.info("record %d of %d", i, number)
        os.write(journal.fileno(), f"<6>line {i} of {number}\n".encode())


signal.alarm(60)
with tempfile.TemporaryDirectory(prefix="victim-", dir="/tmp") as folder:
    datagrams = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    datagrams.bind(f"{folder}/log")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{folder}/stdout")
    listener.listen()
    journal = socket.socket(socket.AF_UNIX)
    journal.connect(f"{folder}/stdout")
    stream, _ = listener.accept()
    collector = subprocess.Popen(
        [sys.executable, "-c", COLLECTOR, str(datagrams.fileno()), str(stream.fileno()), str(WORKERS * LINES)],
        pass_fds=[datagrams.fileno(), stream.fileno()])
    datagrams.close()
    stream.close()
    listener.close()
    logger = logging.getLogger("victim")
    logger.setLevel(logging.INFO)
    logger.addHandler(logging.handlers.SysLogHandler(f"{folder}/log"))
    logger.addHandler(logging.FileHandler(f"{folder}/file"))
    for number in range(WORKERS):
        if os.fork() == 0:
            signal.alarm(60)
            work(number)
            os._exit(0)
    for _ in range(WORKERS + 1):
        if os.wait()[1] != 0:
            sys.exit("not as labelled: a process failed")
    collector.returncode = 0
    with open(f"{folder}/file", encoding="utf-8") as file:
        if len(file.readlines()) != WORKERS * LINES:
            sys.exit("not as labelled: lines are missing")
