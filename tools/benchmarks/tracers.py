"""What programs run under: nothing, strace with the same calls, or faultline in one of its scopes."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCOPES = ("light", "wakeups", "all")


class CannotBuild(Exception):
    """What could not be built, in words for the user."""


@dataclass(frozen=True)
class Variant:
    """One way to run a workload. `prefix` stands before its command; {trace} there is the file that is written."""
    name: str
    prefix: tuple = ()
    scope: str | None = None
    stacks: str | None = None

    @property
    def is_faultline(self):
        return self.scope is not None

    def command(self, program, trace):
        return [part.format(trace=trace) for part in self.prefix] + program


def build(product, deadline=1800):
    """Builds a product of the package in release mode and returns its path."""
    # Static: as it is given away, and 4 ms sooner there.
    command = ["swift", "build", "-c", "release", "--static-swift-stdlib"]
    try:
        subprocess.run(command + ["--product", product], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=2, timeout=deadline,
                       check=True)
        folder = subprocess.run(command + ["--show-bin-path"], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True,
                                text=True, timeout=deadline, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError) as problem:
        raise CannotBuild(f"{product} cannot be built: {problem}") from None
    return os.path.join(folder, product)


def recorded_calls():
    """The names of the calls that a trace in the default scope needs, from the recorder's table.

    faultline stops only at some commands of fcntl, ioctl and prctl; strace cannot choose, and is given none of these.
    """
    with open(os.path.join(ROOT, "Sources/Trace/SyscallTable.swift")) as file:
        rows = re.findall(r"^ *SyscallRow\(\.(\w+),.*, \.(always|waits|armed|all|never)\b", file.read(), re.MULTILINE)
    wanted = [name for name, rule in rows if rule in ("always", "waits", "armed")]
    names = [re.sub("[A-Z]", lambda letter: "_" + letter.group().lower(), name) for name in wanted]
    if not names:
        raise CannotBuild("Sources/Trace/SyscallTable.swift has no rows that tools/bench can read")
    return [name for name in names if name not in ("fcntl", "ioctl", "prctl")]


def has_stats(faultline):
    """Whether this faultline can count its stops."""
    result = subprocess.run([faultline, "trace", "--help"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                            timeout=30)
    return "--stats" in result.stdout


def variants(faultline, scopes, is_told=False):
    """All ways to run a workload, untraced first. `is_told`: faultline says what it found, as users run it."""
    result = [Variant("untraced")]
    if shutil.which("strace"):
        # The question mark lets strace pass over a call that its version does not know.
        calls = ",".join("?" + name for name in recorded_calls())
        result.append(Variant("strace", ("strace", "-f", "--seccomp-bpf", "-e", "trace=" + calls, "-o", "{trace}")))
    options = [] if is_told else ["--quiet"]
    if has_stats(faultline):
        options.append("--stats")
    for scope in SCOPES:
        for stacks in ("off", "auto") if scope == "wakeups" else ("off",):
            if scope in scopes:
                name = scope if stacks == "off" else f"{scope}, stacks"
                prefix = (faultline, "trace", *options, "--scope", scope, "--stacks", stacks, "-o", "{trace}", "--")
                result.append(Variant(name, prefix, scope, stacks))
    return result


def counters(error):
    """What `trace --stats` said: its lines on standard error, by name."""
    found = {}
    for name, value in re.findall(r"^faultline: stats: (\S+) (\S+)", error, re.MULTILINE):
        try:
            found[name] = int(value)
        except ValueError:
            found[name] = value
    return found
