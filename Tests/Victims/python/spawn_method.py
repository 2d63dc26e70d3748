#!/usr/bin/python3
# victim: multiprocessing with the start method spawn: a queue, an event and two processes
# clean: yes
# forbid: foreign-wakeup-write
# forbid: foreign-read
# forbid: inherited-signal-handler
# forbid: busy-poll
#
# No bug: the children have exec'd and know their descriptors by number; the resource tracker reads a pipe that all
# write.
import multiprocessing
import signal
import sys


def square(queue, go, number):
    go.wait(30)
    queue.put(number * number)


def main():
    context = multiprocessing.get_context("spawn")
    queue, go = context.Queue(), context.Event()
    children = [context.Process(target=square, args=(queue, go, number)) for number in (3, 4)]
    for child in children:
        child.start()
    go.set()
    results = sorted(queue.get(timeout=30) for _ in children)
    for child in children:
        child.join()
    if results != [9, 16]:
        sys.exit(f"not as labelled: {results}")


if __name__ == "__main__":
    signal.alarm(60)
    main()
