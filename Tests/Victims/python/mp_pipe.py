#!/usr/bin/python3
# victim: a request and an answer at a time through multiprocessing.Pipe, duplex and simplex, with poll before recv
# clean: yes
# forbid: foreign-wakeup-write
# forbid: foreign-read
# forbid: busy-poll
#
# No bug: each process uses its own end; that both still hold the other's is how multiprocessing forks.
import multiprocessing
import signal
import sys

REQUESTS = 50


def answer():
    for _ in range(REQUESTS):
        child_end.send(child_end.recv() + 1)
    writer.send("done")


signal.alarm(60)
fork = multiprocessing.get_context("fork")
parent_end, child_end = fork.Pipe()
reader, writer = fork.Pipe(duplex=False)
child = fork.Process(target=answer)
child.start()
for number in range(REQUESTS):
    parent_end.send(number)
    if not parent_end.poll(30) or parent_end.recv() != number + 1:
        sys.exit("not as labelled: a wrong answer")
if not reader.poll(30) or reader.recv() != "done":
    sys.exit("not as labelled: no end")
child.join()
sys.exit(child.exitcode)
