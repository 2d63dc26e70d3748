#!/usr/bin/python3
# victim: after GLib.unix_signal_add(SIGTERM), Process.terminate() does not end a forked child: it lives until kill()
# light: yes
# expect: inherited-signal-handler severity=error kind=eventfd actor=child victim=root
# forbid: foreign-wakeup-write
# forbid: busy-poll
# forbid: foreign-read
# needs: python3-gi
# note: the parent does not write its worker's eventfd in this run; it writes the default context's, the child does not
#
# The bug: GLib's handler comes with fork, its worker thread does not. In the child SIGTERM becomes a write to the
# eventfd of the parent's worker, which finds nothing pending, and the child goes on.
import multiprocessing
import signal
import sys
import threading

from gi.repository import GLib

signal.alarm(60)
fork = multiprocessing.get_context("fork")
ready, question, answer = fork.Semaphore(0), fork.Semaphore(0), fork.Semaphore(0)
loop = GLib.MainLoop()
failed = []


def child():
    ready.release()
    while True:
        question.acquire()
        answer.release()


def start_and_terminate():
    process = fork.Process(target=child)
    process.start()
    ready.acquire()
    process.terminate()
    question.release()  # after the signal, so the answer comes from a child that has handled it
    alive = answer.acquire(timeout=30)
    process.kill()
    process.join()
    if not alive or process.exitcode != -signal.SIGKILL:
        failed.append("the child did not survive SIGTERM")
    GLib.idle_add(loop.quit)


GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGTERM, failed.append, "SIGTERM reached the parent's callback")
thread = threading.Thread(target=start_and_terminate)
thread.start()
loop.run()
thread.join()
if failed:
    sys.exit(f"not as labelled: {failed}")
