# victim: a parent waits for cat without closing cat's input
# expect: eof-never-comes severity=error kind=pipe
#
import signal
import subprocess
import sys


class Late(Exception):
    pass


def late(number, frame):
    raise Late


filter = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
filter.stdin.write(b"text")
filter.stdin.flush()
signal.signal(signal.SIGALRM, late)
signal.alarm(3)
try:
    filter.wait()
    sys.exit("not as labelled: cat ended")
except Late:
    pass
filter.stdin.close()
filter.wait()
