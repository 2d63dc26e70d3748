"""The programs that run to their end: what each does, how large it is, and what it needs."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import Callable

from .tracers import CannotBuild

PROGRAMS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "programs")
PYTHON = "/usr/bin/python3"


@dataclass(frozen=True)
class Workload:
    """A program that is timed from its start to its end."""
    name: str
    what: str
    # Its command; words with a slash that name a file of programs/ are completed: ./x is compiled from x.c.
    command: tuple
    # How much of it there is: {count} in the command, and with --quick.
    count: int = 0
    quick: int = 0
    needs: tuple = ()
    # Puts what it works on into an empty folder. Given the folder and the count.
    prepare: Callable | None = None
    stdin: str | None = None
    # Runs per sample, whose median counts: for what takes no time.
    repeats: int = 1
    is_told: bool = False
    kind: str = "time"

    def missing(self):
        """What this machine lacks for it, in words; None if nothing."""
        return next((need for need in self.needs if not is_there(need)), None)


def is_there(need):
    if need != "python3-gi":
        return shutil.which(need) is not None
    return subprocess.run([PYTHON, "-c", "from gi.repository import GLib"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60).returncode == 0


def write_project(folder, count):
    """A C project of `count` files and a program."""
    names = [f"part{number}" for number in range(count)]
    for number, name in enumerate(names):
        with open(os.path.join(folder, name + ".c"), "w") as file:
            file.write(f"#include <stdio.h>\nint {name}(int x) {{ printf(\"%d\\n\", x); return x + {number}; }}\n")
    with open(os.path.join(folder, "main.c"), "w") as file:
        file.writelines(f"int {name}(int);\n" for name in names)
        file.write(f"int main(void) {{ return {' + '.join(name + '(0)' for name in names)} == 0; }}\n")
    objects = " ".join(name + ".o" for name in names + ["main"])
    with open(os.path.join(folder, "Makefile"), "w") as file:
        file.write(f"program: {objects}\n\t$(CC) -o $@ $^\n%.o: %.c\n\t$(CC) -O0 -c -o $@ $<\n")


def write_inserts(folder, count):
    """Statements, each a transaction of its own. The disk is not waited for: what is timed is calls, not the disk."""
    with open(os.path.join(folder, "inserts.sql"), "w") as file:
        file.write("PRAGMA synchronous = OFF;\nCREATE TABLE t (id INTEGER PRIMARY KEY, word TEXT);\n")
        file.writelines(f"INSERT INTO t (word) VALUES ('word {number}');\n" for number in range(count))


WORKLOADS = (
    Workload("true", "`true`, from start to finish", ("true",), repeats=20, is_told=True),
    Workload("dd", "`dd bs=1` from /dev/zero to /dev/null: reads and writes that are nobody's wakeups",
             ("dd", "if=/dev/zero", "of=/dev/null", "bs=1", "count={count}", "status=none"), 300_000, 3_000),
    Workload("pipe-loop", "one process writes a byte into a pipe and reads it",
             ("./pipe_loop", "{count}"), 100_000, 1_000),
    Workload("ping-pong", "two processes answer each other through two pipes",
             ("./pipe_ping_pong", "{count}"), 20_000, 500),
    Workload("eventfd-storm", "two threads write an eventfd, one polls and reads it",
             ("./eventfd_storm", "{count}"), 60_000, 1_000),
    Workload("poll-spin", "a loop polls a pipe that holds a byte nobody reads",
             ("./poll_spin", "{count}"), 200_000, 2_000),
    Workload("asyncio", "`python3 -c 'import asyncio'`", (PYTHON, "-c", "import asyncio"), needs=(PYTHON,)),
    Workload("pool", "`multiprocessing.Pool(2).map`, a task a message",
             (PYTHON, "./pool_map.py", "{count}"), 4_000, 100, needs=(PYTHON,)),
    Workload("glib", "a GLib main loop with idle callbacks, half of them added by a thread",
             (PYTHON, "./glib_idle.py", "{count}"), 40_000, 500, needs=(PYTHON, "python3-gi")),
    Workload("make", "`make -j2` of a small C project",
             ("make", "-s", "-j2"), 24, 3, needs=("make", "cc"), prepare=write_project),
    Workload("sqlite", "sqlite3 inserts, a transaction each", ("sqlite3", "inserts.db"), 3_000, 50,
             needs=("sqlite3",), prepare=write_inserts, stdin="inserts.sql"),
)


def compile_programs(folder):
    """Compiles programs/*.c into `folder`."""
    for source in sorted(os.listdir(PROGRAMS)):
        if source.endswith(".c"):
            command = ["cc", "-O2", "-Wall", "-Wextra", "-pthread", "-o", os.path.join(folder, source[:-2])]
            try:
                subprocess.run(command + [os.path.join(PROGRAMS, source)], stdin=subprocess.DEVNULL, stdout=2, check=True,
                               timeout=120)
            except (OSError, subprocess.SubprocessError) as problem:
                raise CannotBuild(f"{source} cannot be compiled: {problem}") from None


def complete(command, count, compiled):
    """The command with its count, and with full paths for what is ours."""
    words = []
    for word in command:
        word = word.format(count=count)
        if word.startswith("./"):
            word = os.path.join(PROGRAMS if word.endswith(".py") else compiled, word[2:])
        words.append(word)
    return words
