#!/usr/bin/python3
# victim: subprocess.run, communicate, a pipeline of two and a program that does not exist, also with a preexec_fn
# clean: yes
# forbid: foreign-wakeup-write
# forbid: foreign-read
# forbid: busy-poll
#
# No bug: between fork and exec the child writes its error pipe, once, and closes it; pipes are for the exec'd
# programs. A preexec_fn makes subprocess use fork and not vfork.
import signal
import subprocess
import sys

signal.alarm(60)
for preexec in (None, lambda: None):
    echoed = subprocess.run(["cat"], input=b"hello\n" * 2000, stdout=subprocess.PIPE, preexec_fn=preexec, check=True)
    both = subprocess.Popen(
        ["sh", "-c", "cat; echo error >&2"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=preexec,
    )
    out, error = both.communicate(b"input\n", timeout=30)
    first = subprocess.Popen(["printf", "b\\na\\n"], stdout=subprocess.PIPE, preexec_fn=preexec)
    second = subprocess.run(["sort"], stdin=first.stdout, stdout=subprocess.PIPE, preexec_fn=preexec, check=True)
    first.stdout.close()
    first.wait()
    try:
        subprocess.run(["/nonexistent/program"], preexec_fn=preexec)
        sys.exit("not as labelled: it exists")
    except FileNotFoundError:
        pass
    if (len(echoed.stdout), out, error, second.stdout) != (12000, b"input\n", b"error\n", b"a\nb\n"):
        sys.exit("not as labelled: wrong output")
