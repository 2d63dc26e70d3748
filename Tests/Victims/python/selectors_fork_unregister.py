# victim: a forked worker unregisters everything from the inherited EpollSelector
# expect: shared-epoll severity=error kind=epoll actor=child victim=root
# forbid: ghost-epoll-entry
#
# The bug: selectors.EpollSelector.unregister in the child is EPOLL_CTL_DEL in the parent's list. The parent's clients
# write, and select() does not say so.
import multiprocessing
import os
import selectors
import signal
import socket
import sys

signal.alarm(60)
multiprocessing.set_start_method("fork")
selector = selectors.EpollSelector()
server, client = socket.socketpair()
selector.register(server, selectors.EVENT_READ, "client")


def worker():
    for key in list(selector.get_map().values()):
        selector.unregister(key.fileobj)


process = multiprocessing.Process(target=worker)
process.start()
process.join()
client.send(b"hello, is there anybody?")
if selector.select(0.3):
    sys.exit("not as labelled: the parent was told")
if server.recv(100) != b"hello, is there anybody?":
    sys.exit("not as labelled: nothing was there")
