# victim: SIGTERM reaches a prefork worker before it has set its handlers: its arbiter's handler wakes the arbiter, which asks again
# clean: yes
# expect: inherited-signal-handler severity=note kind=pipe actor=child victim=root
# forbid: foreign-wakeup-write
# forbid: busy-poll
#
# What gunicorn's workers do that import long before init_signals (eventlet, gevent). The signal is lost, and the arbiter
# looks into a queue that the worker's copy has; but the byte does not say a signal, and the worker obeys the second one.
import multiprocessing
import os
import select
import signal

signal.alarm(60)
context = multiprocessing.get_context("fork")
young, grown, go_on = context.Semaphore(0), context.Semaphore(0), context.Semaphore(0)
queue = []
reader, writer = os.pipe()
os.set_blocking(reader, False)
os.set_blocking(writer, False)


def enqueue(number, frame):
    queue.append(number)
    os.write(writer, b".")


for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
    signal.signal(number, enqueue)
os.kill(os.getpid(), signal.SIGUSR1)
assert select.select([reader], [], []) and os.read(reader, 1) == b"." and queue.pop() == signal.SIGUSR1
worker = os.fork()
if worker == 0:
    while not queue:
        young.release()
        go_on.acquire()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, lambda number, frame: os._exit(0))
    grown.release()
    while True:
        go_on.acquire()
young.acquire()
os.kill(worker, signal.SIGTERM)
go_on.release()
assert select.select([reader], [], []) and os.read(reader, 1) == b"." and not queue
grown.acquire()
os.kill(worker, signal.SIGTERM)
_, status = os.waitpid(worker, 0)
if status != 0:
    raise SystemExit("not as labelled: the worker did not stop by its own handler")
