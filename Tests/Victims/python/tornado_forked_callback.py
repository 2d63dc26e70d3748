#!/usr/bin/python3
# victim: a thread forks while tornado's loop sleeps; the child's add_callback wakes the loop of its parent
# expect: foreign-wakeup-write severity=warning kind=socketpair actor=child victim=root
# forbid: inherited-signal-handler
# forbid: shared-epoll
# forbid: foreign-read
# needs: python3-tornado
#
# The bug: the callback is queued in the child, and the byte goes to the parent's self-pipe.
import os
import signal
import threading

from servers import lacking, need

try:
    import tornado.ioloop
except ImportError:
    lacking("python3-tornado")
called = []


def start_child():
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        loop.add_callback(called.append, "child")
        os._exit(0)
    need(os.waitpid(child, 0)[1] == 0, "the child")
    loop.add_callback(called.append, "parent")
    loop.add_callback(loop.stop)


signal.alarm(60)
loop = tornado.ioloop.IOLoop()
thread = threading.Thread(target=start_child)
loop.add_callback(thread.start)
loop.start()
thread.join()
need(called == ["parent"], "the parent's callback alone")
