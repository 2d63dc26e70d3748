"""The figures as people read them: text while they come in, and a Markdown table for docs/performance.md."""

from . import machine

COLUMNS = ("median", "to untraced", "to strace", "stops/call", "B/event", "trace", "memory")
BEGIN, END = "<!-- tools/bench writes this -->", "<!-- to here -->"


def size(count):
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.2f} GB"


def duration(seconds):
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def times(value):
    return f"×{value:.0f}" if value >= 100 else f"×{value:.1f}" if value >= 10 else f"×{value:.2f}"


def cell(value, form):
    return "" if value is None else form(value)


def cells(variant, kind):
    """A variant's row, without its name."""
    if variant["median"] is None:
        return [f"failed: {variant['failure'] or 'no figure'}"] + [""] * (len(COLUMNS) - 1)
    is_time = kind == "time"
    untraced = cell(variant["to_untraced"], times if is_time else "{:.2f} of it".format)
    # Where starting is the whole of it, a ratio says little.
    if is_time and variant["added_seconds"] and variant["added_seconds"] < 0.1:
        untraced += f" ({variant['added_seconds'] * 1000:+.1f} ms)"
    is_traced = variant["name"] != "untraced"
    return [
        duration(variant["median"]) if is_time else f"{variant['median']:,.0f}/s",
        untraced if is_traced else "", cell(variant["to_strace"], times) if variant["scope"] else "",
        cell(variant["stops_per_call"], lambda value: f"{value:.3g}"),
        cell(variant["bytes_per_event"], lambda value: f"{value:.1f}"),
        cell(variant["trace_bytes"], size), cell(variant["peak_memory_bytes"], size) if is_traced else "",
    ]


def rows(result):
    return [[variant["name"]] + cells(variant, result["kind"]) for variant in result["variants"]]


def line(row, widths):
    """A row of a text table: its name to the left, figures to the right."""
    words = [row[0].ljust(widths[0])]
    words += [word if word.startswith("failed") else word.rjust(to) for word, to in zip(row[1:], widths[1:])]
    return ("  " + "  ".join(words)).rstrip()


def text(result):
    """One workload, for a terminal."""
    calls = result["calls"]
    unit = "calls" if result["kind"] == "time" else "calls a request"
    counted = "" if calls is None else f" ({calls:,.0f} {unit})" if calls >= 100 else f" ({calls:.1f} {unit})"
    lines = [f"{result['name']}: {result['what'].replace('`', '')}{counted}"]
    if result["skipped"]:
        return lines + [f"  skipped: {result['skipped']}", ""]
    body = [["", *COLUMNS]] + rows(result)
    widths = [max(len(row[place]) for row in body if not row[1].startswith("failed")) for place in range(len(body[0]))]
    return lines + [line(row, widths) for row in body] + [""]


def analyzer_cells(row):
    if row["failure"]:
        return [f"failed: {row['failure']}"] + [""] * 5
    return [duration(row["median"]), f"{row['events_per_second'] / 1e6:.2f} million/s", size(row["trace_bytes"]),
            cell(row["peak_memory_bytes"], size), cell(row["grep_seconds"], duration),
            cell(row["grep_text_bytes"], size)]


ANALYZER = ("time", "events", "trace", "memory", "grep -c", "of text")


def analyzer_text(part):
    lines = ["analyzer: faultline analyze, beside grep -c over as many lines of strace's"]
    if part["skipped"]:
        return lines + [f"  skipped: {part['skipped']}", ""]
    body = [["", *ANALYZER]] + [[f"{row['events']:,} events", *analyzer_cells(row)] for row in part["rows"]]
    widths = [max(len(row[place]) for row in body) for place in range(len(body[0]))]
    lines += [line(row, widths) for row in body]
    if part["memory_growth"] is not None:
        lines.append(f"  memory grows {times(part['memory_growth'])} from the shortest to the longest")
    return lines + [""]


def markdown(document):
    lines = [f"Measured on {machine.sentence(document['machine'])}; {document['options']['rounds']} rounds"
             + (", quick: the workloads are too short to go by." if document["options"]["quick"] else "."), ""]
    lines += ["| workload | run | " + " | ".join(COLUMNS) + " |", "|---|---|" + "---:|" * len(COLUMNS)]
    for result in document["workloads"]:
        if result["skipped"]:
            lines.append(f"| {result['name']} | skipped: {result['skipped']} |" + " |" * len(COLUMNS))
        for place, row in enumerate(rows(result)):
            lines.append(f"| {result['name'] if place == 0 else ''} | " + " | ".join(row) + " |")
    part = document["analyzer"]
    if part and not part["skipped"]:
        lines += ["", "| analyzer | " + " | ".join(ANALYZER) + " |", "|---|" + "---:|" * len(ANALYZER)]
        lines += [f"| {row['events']:,} events | " + " | ".join(analyzer_cells(row)) + " |" for row in part["rows"]]
    return "\n".join(lines) + "\n"


def put(path, table):
    """Writes the table to a file; in one that has the two marks, between them."""
    try:
        with open(path) as file:
            before, mark, rest = file.read().partition(BEGIN)
    except FileNotFoundError:
        before, mark, rest = "", "", ""
    after = rest.partition(END)[2]
    with open(path, "w") as file:
        file.write(f"{before}{BEGIN}\n{table}{END}{after}" if mark else table)
