#!/usr/bin/python3
# victim: a Tk window under Xvfb with timers, a thread that changes the window, a subprocess, and a forked worker
# clean: yes
# forbid: foreign-wakeup-write
# forbid: foreign-read
# forbid: busy-poll
# forbid: shared-epoll
# needs: xvfb, python3-tk
#
# No bug: Tk's notifier thread and the main thread wake each other within one process; the worker uses none of it.
import multiprocessing
import signal
import subprocess
import threading

from servers import display, lacking, need

try:
    import tkinter
except ImportError:
    lacking("python3-tk")
TICKS = 30


def work(numbers):
    for number in range(TICKS):
        numbers.put(number)


def tick(count):
    label["text"] = str(count)
    if count == 1:
        thread.start()
    if count > TICKS and done.is_set():
        window.quit()
    else:
        window.after(5, tick, count + 1)


def ask():
    need(subprocess.run(["/bin/echo", "hello"], stdout=subprocess.PIPE, check=True).stdout == b"hello\n", "a subprocess")
    for number in range(TICKS):
        need(numbers.get(timeout=30) == number, "the worker's number")
        label["width"] = 20 + number
    done.set()


signal.alarm(60)
done = threading.Event()
fork = multiprocessing.get_context("fork")
with display() as name:
    window = tkinter.Tk(screenName=name)
    label = tkinter.Label(window, text="none")
    label.pack()
    numbers = fork.Queue()
    worker = fork.Process(target=work, args=(numbers,))
    worker.start()
    thread = threading.Thread(target=ask)
    window.after(5, tick, 0)
    window.mainloop()
    thread.join()
    worker.join()
    need(worker.exitcode == 0, "the worker")
    window.destroy()
