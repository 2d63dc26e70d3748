"""Runs each workload in all its variants, round after round, and makes medians and ratios of what was measured."""

import contextlib
import json
import os
import re
import shutil
import statistics
import subprocess
import tempfile
from dataclasses import dataclass, field

from . import servers, tracers
from .runner import run
from .tracers import Variant
from .workloads import complete

# A server's load: in counting calls, and in measuring. Bounded by time, so that a slow tracer takes no longer.
COUNTING = servers.Load(2_000, 5_000)
FULL = servers.Load(10_000_000, 3_000)
QUICK = servers.Load(500, 2_000)


@dataclass
class Bench:
    """What all runs share."""
    faultline: str
    scopes: list
    rounds: int
    quick: bool
    deadline: float
    # Where the compiled workloads are, and where runs get their folders.
    compiled: str
    folder: str

    @contextlib.contextmanager
    def fresh(self):
        """An empty folder for one run."""
        folder = tempfile.mkdtemp(dir=self.folder)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Sample:
    """One measurement: seconds, or requests a second."""
    value: float | None = None
    failure: str | None = None
    # By how much a run's calls and stops are to be divided: 1, or the requests that were answered.
    operations: int = 1
    peak: int | None = None
    trace_bytes: int | None = None
    events: int | None = None
    counters: dict = field(default_factory=dict)


def take(workload, variant, bench, load=None):
    """One sample of a workload in one variant."""
    if workload.kind == "rate":
        with bench.fresh() as folder:
            trace = os.path.join(folder, "trace.out")
            try:
                result, operations, rate = servers.serve(
                    workload, variant, folder, trace, os.path.join(bench.compiled, "load"),
                    load or (QUICK if bench.quick else FULL), bench.deadline)
            except (servers.ServerTrouble, OSError, ValueError) as trouble:
                return Sample(failure=str(trouble))
            return finish(Sample(rate, operations=operations), result, variant, trace, bench)
    count = workload.quick if bench.quick else workload.count
    samples = []
    for _ in range(1 if bench.quick else workload.repeats):
        with bench.fresh() as folder:
            trace = os.path.join(folder, "trace.out")
            if workload.prepare:
                workload.prepare(folder, count)
            stdin = os.path.join(folder, workload.stdin) if workload.stdin else None
            command = variant.command(complete(workload.command, count, bench.compiled), trace)
            result = run(command, folder, bench.deadline, stdin)
            samples.append(finish(Sample(result.seconds), result, variant, trace, bench))
            if result.failure:
                return samples[-1]
    samples[-1].value = statistics.median(sample.value for sample in samples)
    return samples[-1]


def finish(sample, result, variant, trace, bench):
    """Adds what the run left: its words and its trace."""
    sample.failure, sample.peak = result.failure, result.peak
    if sample.failure:
        sample.value = None
    if variant.is_faultline:
        sample.counters = tracers.counters(result.error)
        sample.events = sample.counters.get("events")
    if variant.prefix and os.path.exists(trace):
        sample.trace_bytes = os.path.getsize(trace)
        if sample.events is None and not sample.failure:
            sample.events = count_events(variant, trace, bench)
    return sample


def count_events(variant, trace, bench):
    """The events of a trace whose tracer did not count them: strace's lines, or what the analyzer says."""
    if not variant.is_faultline:
        with open(trace, "rb") as file:
            return sum(part.count(b"\n") for part in iter(lambda: file.read(1 << 20), b""))
    try:
        output = subprocess.run([bench.faultline, "analyze", "--format", "json", trace], stdin=subprocess.DEVNULL,
                                capture_output=True, timeout=bench.deadline).stdout
        return json.loads(output)["trace"]["events"]
    except (OSError, subprocess.SubprocessError, ValueError, KeyError):
        return None


def count_calls(workload, bench):
    """How many system calls the workload makes untraced, in all or for each request; None if nobody can count them."""
    ways = (
        (Variant("calls", ("perf", "stat", "-x", ",", "-e", "raw_syscalls:sys_enter", "-o", "{trace}", "--")),
         r"^(\d+),,raw_syscalls"),
        (Variant("calls", ("strace", "-f", "-c", "-U", "calls,name", "-o", "{trace}")), r"^ *(\d+) total"),
    )
    for variant, pattern in ways:
        if shutil.which(variant.prefix[0]):
            with bench.fresh() as folder:
                kept = os.path.join(folder, "calls")
                prefix = tuple(kept if part == "{trace}" else part for part in variant.prefix)
                sample = take(workload, Variant("calls", prefix), bench, COUNTING)
                if sample.failure is None and os.path.exists(kept):
                    with open(kept) as file:
                        found = re.search(pattern, file.read(), re.MULTILINE)
                    if found:
                        return int(found.group(1)) / sample.operations
    return None


def measure(workload, bench, say):
    """A workload's result, as it stands in the JSON."""
    result = {"name": workload.name, "what": workload.what, "kind": workload.kind, "skipped": None, "calls": None,
              "variants": []}
    missing = workload.missing()
    if missing:
        result["skipped"] = f"{os.path.basename(missing)} is not installed: tools/install bench"
        return result
    result["calls"] = count_calls(workload, bench)
    variants = tracers.variants(bench.faultline, bench.scopes, workload.is_told)
    samples = {variant.name: [] for variant in variants}
    for number in range(bench.rounds):
        for variant in variants:
            taken = samples[variant.name]
            # What failed once is not run to its deadline again.
            if taken and taken[-1].failure:
                continue
            say(f"{workload.name}, round {number + 1} of {bench.rounds}: {variant.name}")
            taken.append(take(workload, variant, bench))
    medians = {name: median(sample.value for sample in taken) for name, taken in samples.items()}
    for variant in variants:
        result["variants"].append(summary(variant, samples[variant.name], medians, result["calls"], workload.kind))
    return result


def summary(variant, samples, medians, calls, kind):
    """What is said of one variant. Ratios are of medians: of times, or of requests a second."""
    here = medians[variant.name]
    names = {name for sample in samples for name in sample.counters}
    stops = median(sample.counters["stops"] / sample.operations for sample in samples if "stops" in sample.counters)
    trace_bytes = median(sample.trace_bytes for sample in samples)
    events = median(sample.events for sample in samples)
    untraced = medians["untraced"]
    return {
        "name": variant.name, "scope": variant.scope, "stacks": variant.stacks,
        "failure": next((sample.failure for sample in samples if sample.failure), None),
        "samples": [sample.value for sample in samples], "median": here,
        "to_untraced": ratio(here, untraced), "to_strace": ratio(here, medians.get("strace")),
        "added_seconds": here - untraced if kind == "time" and here is not None and untraced is not None else None,
        "stops": median(sample.counters.get("stops") for sample in samples), "stops_per_call": ratio(stops, calls),
        "events": events, "trace_bytes": trace_bytes, "bytes_per_event": ratio(trace_bytes, events),
        "peak_memory_bytes": median(sample.peak for sample in samples),
        "counters": {name: median(sample.counters.get(name) for sample in samples) for name in sorted(names)},
    }


def median(values):
    known = [value for value in values if isinstance(value, (int, float))]
    return statistics.median(known) if known else None


def ratio(value, base):
    return value / base if value is not None and base else None
