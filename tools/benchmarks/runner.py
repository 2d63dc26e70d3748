"""One run of a program: started, watched, ended by its deadline, with its time, its peak memory and what it said."""

import os
import select
import signal
import subprocess
import time
from dataclasses import dataclass


@dataclass
class Run:
    """How a run went. `failure` is a few words, or None if all is well."""
    seconds: float
    peak: int | None
    error: str
    failure: str | None


class Program:
    """A program that runs, in a session of its own, so that all that it started can be ended with it."""

    def __init__(self, command, folder, deadline, stdin=None, stdout=None):
        self.error_path = os.path.join(folder, "stderr")
        self.peak = None
        self.latest = time.monotonic() + deadline
        with open(stdin or os.devnull, "rb") as source, open(stdout or os.devnull, "wb") as sink, \
                open(self.error_path, "wb") as errors:
            self.started = time.perf_counter()
            self.process = subprocess.Popen(
                command, cwd=folder, stdin=source, stdout=sink, stderr=errors, start_new_session=True,
                env={**os.environ, "LC_ALL": "C"})
        # A pidfd becomes readable when the process has ended: no polling, so the end's time is exact.
        self.handle = os.pidfd_open(self.process.pid)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        os.close(self.handle)

    def look(self):
        """Takes its peak memory so far. wait4's ru_maxrss holds that of reaped children, the targets, too."""
        try:
            with open(f"/proc/{self.process.pid}/status") as file:
                for line in file:
                    if line.startswith("VmHWM:"):
                        self.peak = int(line.split()[1]) * 1024
        except OSError:
            pass

    def has_ended(self, timeout):
        return bool(select.select([self.handle], [], [], timeout)[0])

    def wait(self):
        """Waits for its end, or ends it at its deadline. Looks at memory rarely, so as not to disturb what is timed."""
        pause = 0.001
        while not self.has_ended(min(pause, max(0.0, self.latest - time.monotonic()))):
            if time.monotonic() >= self.latest:
                self.kill()
                return Run(time.perf_counter() - self.started, self.peak, self.words(), "did not end in time")
            self.look()
            pause = min(pause * 2, 0.05)
        seconds = time.perf_counter() - self.started
        status = self.process.wait()
        words = self.words()
        failure = None
        if status != 0:
            last = words.strip().splitlines()[-1:] or [""]
            failure = f"status {status} {last[0][:120]}".strip()
        self.end_group()
        return Run(seconds, self.peak, words, failure)

    def words(self):
        with open(self.error_path, errors="replace") as file:
            return file.read()

    def kill(self):
        if self.process.poll() is None:
            self.end_group()
            self.process.wait()

    def end_group(self):
        """Ends what is left of its session's process group, whose number is its own."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def run(command, folder, deadline, stdin=None, stdout=None):
    """Runs a command in `folder` to its end."""
    with Program(command, folder, deadline, stdin, stdout) as program:
        return program.wait()
