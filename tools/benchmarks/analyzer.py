"""How fast, and in how much memory, long traces are analysed: beside grep over as many lines of strace's text."""

import json
import os
import shutil
import statistics

from . import tracers
from .runner import run
from .workloads import complete

SIZES = (100_000, 1_000_000, 10_000_000)


def find_maker(faultline, may_build):
    """The program that makes traces, or why there is none."""
    beside = os.path.join(os.path.dirname(os.path.abspath(faultline)), "make-trace")
    if not may_build:
        return (beside, None) if os.access(beside, os.X_OK) else (None, "there is no make-trace beside faultline")
    with open(os.path.join(tracers.ROOT, "Package.swift")) as file:
        if '"make-trace"' not in file.read():
            return None, "this version has no make-trace"
    return tracers.build("make-trace"), None


def measure(bench, may_build, say):
    """The analyzer's part of the JSON."""
    part = {"skipped": None, "rows": [], "memory_growth": None}
    maker, part["skipped"] = find_maker(bench.faultline, may_build)
    if maker is None:
        return part
    with bench.fresh() as folder:
        lines = strace_lines(bench, folder)
        for events in SIZES[:1] if bench.quick else SIZES:
            part["rows"].append(measure_size(events, maker, lines, bench, say))
    peaks = [row["peak_memory_bytes"] for row in part["rows"] if row["peak_memory_bytes"]]
    if len(peaks) > 1:
        part["memory_growth"] = peaks[-1] / peaks[0]
    return part


def measure_size(events, maker, lines, bench, say):
    row = {"events": events, "failure": None, "samples": [], "median": None, "events_per_second": None,
           "trace_bytes": None, "peak_memory_bytes": None, "grep_seconds": None, "grep_text_bytes": None}
    with bench.fresh() as folder:
        trace, text, found = (os.path.join(folder, name) for name in ("made.flt", "strace.txt", "findings.json"))
        say(f"analyzer: making {events:,} events")
        row["failure"] = run([maker, trace, str(events)], folder, bench.deadline).failure
        if row["failure"]:
            return row
        row["trace_bytes"] = os.path.getsize(trace)
        if lines:
            row["grep_text_bytes"] = write_text(text, lines, events)
        greps, peaks = [], []
        for number in range(bench.rounds):
            say(f"analyzer: {events:,} events, round {number + 1} of {bench.rounds}")
            command = [bench.faultline, "analyze", "--format", "json", trace]
            result = run(command, folder, bench.deadline, stdout=found)
            row["failure"] = result.failure or complaint(found, events)
            if row["failure"]:
                return row
            row["samples"].append(result.seconds)
            peaks.append(result.peak or 0)
            if lines:
                # To a file: with /dev/null for its output grep ends at the first line that matches.
                greps.append(run(["grep", "-c", "write", text], folder, bench.deadline, stdout=found).seconds)
        row["median"] = statistics.median(row["samples"])
        row["events_per_second"] = events / row["median"]
        row["peak_memory_bytes"] = max(peaks) or None
        row["grep_seconds"] = statistics.median(greps) if greps else None
    return row


def complaint(path, events):
    """What is wrong with an analysis that ended well: a trace that it cannot read to its end takes no time."""
    try:
        with open(path) as file:
            trace = json.load(file)["trace"]
    except (ValueError, KeyError):
        return "no findings document"
    if trace["complete"] and trace["events"] >= events:
        return None
    return f"read {trace['events']:,} of {events:,} events: another version's make-trace?"


def strace_lines(bench, folder):
    """What strace writes of two processes that answer each other, with times: a text to repeat."""
    if not shutil.which("strace"):
        return []
    text = os.path.join(folder, "strace.txt")
    strace = ["strace", "-f", "-ttt", "-T", "--seccomp-bpf", "-e", "trace=read,write,poll", "-o", text]
    run(strace + complete(("./pipe_ping_pong", "500"), 0, bench.compiled), folder, bench.deadline)
    with open(text, "rb") as file:
        return file.readlines()


def write_text(path, lines, count):
    with open(path, "wb") as file:
        for _ in range(count // len(lines)):
            file.writelines(lines)
        file.writelines(lines[:count % len(lines)])
    return os.path.getsize(path)
