# victim: cat waits for the end of its input, whose writing end a program that was started later keeps
# expect: eof-never-comes severity=error kind=pipe cause=held-after-exec actor=child
# expect: held-after-exec severity=note
#
import os
import subprocess
import sys

filter = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
os.set_inheritable(filter.stdin.fileno(), True)
other = subprocess.Popen(["sleep", "60"], close_fds=False)
filter.stdin.close()
try:
    filter.wait(2.5)
    sys.exit("not as labelled: cat saw the end")
except subprocess.TimeoutExpired:
    pass
other.kill()
other.wait()
filter.wait()
