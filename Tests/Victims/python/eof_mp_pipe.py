# victim: a multiprocessing child receives until EOFError, but has inherited the sending end itself
# expect: eof-never-comes severity=error kind=socketpair actor=child
#
import multiprocessing
import sys


def consume(receiver):
    try:
        while True:
            receiver.recv()
    except EOFError:
        pass


if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe()
    child = context.Process(target=consume, args=(receiver,))
    child.start()
    receiver.close()
    for item in range(3):
        sender.send(item)
    sender.close()
    child.join(2)
    if not child.is_alive():
        sys.exit("not as labelled: the child has seen the end")
    child.kill()
    child.join()
