"""The command line of tools/bench: what to measure, in what order, and where the figures go."""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile

from . import analyzer, machine, rounds, table, tracers
from .servers import SERVERS
from .workloads import WORKLOADS, compile_programs

USAGE_ERROR, CANNOT_WRITE = 64, 73
ANALYZER = "analyzer"


class Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(USAGE_ERROR, f"tools/bench: {message}; --help shows the options\n")


def names(text):
    return [name for name in text.split(",") if name]


def parse(arguments):
    everything = WORKLOADS + SERVERS
    known = [workload.name for workload in everything] + [ANALYZER]
    parser = Parser(
        prog="tools/bench", description="Measures what tracing costs: each workload alone, under strace with the same "
        "calls, and under faultline. docs/performance.md explains the table.")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is run (default: 5); medians count")
    parser.add_argument("--only", type=names, metavar="NAME,...", help="these workloads alone")
    parser.add_argument("--scopes", type=names, default=list(tracers.SCOPES), metavar="NAME,...",
                        help="of light, wakeups, all (default: all three)")
    parser.add_argument("--quick", action="store_true", help="short workloads: does it run at all?")
    parser.add_argument("--timeout", type=float, default=120, metavar="SECONDS", help="a run's deadline (default: 120)")
    parser.add_argument("--faultline", metavar="PATH", help="this program, instead of one built from the sources")
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    parser.add_argument("--markdown", metavar="FILE", help="write the table there; between its marks, if it has them")
    parser.add_argument("--list", action="store_true", help="list the workloads and what they lack here")
    options = parser.parse_args(arguments)
    for name in options.only or []:
        if name not in known:
            parser.error(f"{name} is no workload; there are {', '.join(known)}")
    for scope in options.scopes:
        if scope not in tracers.SCOPES:
            parser.error(f"{scope} is no scope; there are {', '.join(tracers.SCOPES)}")
    if options.rounds < 1 or options.timeout <= 0:
        parser.error("--rounds and --timeout take a number above 0")
    if options.faultline and not os.access(options.faultline, os.X_OK):
        parser.error(f"{options.faultline} cannot be run")
    chosen = [workload for workload in everything if options.only is None or workload.name in options.only]
    return options, chosen, options.only is None or ANALYZER in options.only


def say(what):
    """Progress, on a terminal only."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{what}", end="", file=sys.stderr, flush=True)


def show(lines):
    say("")
    print("\n".join(lines), flush=True)


def show_list():
    for workload in WORKLOADS + SERVERS:
        missing = workload.missing()
        lacks = f" (lacks {missing}: tools/install bench)" if missing else ""
        print(f"{workload.name:15}{workload.what.replace('`', '')}{lacks}")
    print(f"{ANALYZER:15}traces of 10^5, 10^6 and 10^7 events, analysed")


def measure(options, chosen, with_analyzer, document):
    """Fills the document as figures come in, so that an interrupted run has what it measured."""
    faultline = os.path.abspath(options.faultline) if options.faultline else tracers.build("faultline")
    folder = tempfile.mkdtemp(prefix="faultline-bench-")
    try:
        compile_programs(folder)
        bench = rounds.Bench(faultline, options.scopes, options.rounds, options.quick, options.timeout, folder, folder)
        for workload in chosen:
            result = rounds.measure(workload, bench, say)
            document["workloads"].append(result)
            show(table.text(result))
        if with_analyzer:
            document["analyzer"] = analyzer.measure(bench, not options.faultline, say)
            show(table.analyzer_text(document["analyzer"]))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write(options, document):
    try:
        if options.json:
            with open(options.json, "w") as file:
                json.dump(document, file, indent=1)
                file.write("\n")
        if options.markdown:
            table.put(options.markdown, table.markdown(document))
    except OSError as problem:
        print(f"tools/bench: {problem.filename}: {problem.strerror}", file=sys.stderr)
        return CANNOT_WRITE
    return 0


def main(arguments):
    """Status: 0; 1 if a run failed; 64, 73 as faultline's; 130 if interrupted."""
    options, chosen, with_analyzer = parse(arguments)
    if options.list:
        show_list()
        return 0
    # Interrupted in either way, it ends what it started, removes what it made and writes what it measured.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    document = {
        "schema": "faultline.bench/1", "machine": machine.describe(),
        "options": {"rounds": options.rounds, "quick": options.quick, "scopes": options.scopes},
        "workloads": [], "analyzer": None,
    }
    print(f"{machine.sentence(document['machine'])}\n", flush=True)
    status = 0
    try:
        measure(options, chosen, with_analyzer, document)
    except KeyboardInterrupt:
        status = 130
    except tracers.CannotBuild as problem:
        print(f"tools/bench: {problem}", file=sys.stderr)
        return 1
    failed = [variant for result in document["workloads"] for variant in result["variants"] if variant["failure"]]
    failed += [row for row in (document["analyzer"] or {"rows": []})["rows"] if row["failure"]]
    return write(options, document) or status or (1 if failed else 0)
