"""Runs the recipes of docs/export.md on the files of ./traces, and prints what came of them as JSON.

export_recipes.py duckdb|spark|perfetto|schema DOCUMENT
"""

import glob
import json
import re
import sys


def blocks(path, language):
    """The fenced blocks of a language: their names (the second word after the fence) and their text."""
    with open(path, encoding="utf-8") as file:
        return re.findall(rf"^```{language}(?: (\w+))?\n(.*?)^```$", file.read(), re.M | re.S)


def duckdb_recipes(document):
    import duckdb

    connection = duckdb.connect()
    answers = {}
    for name, text in blocks(document, "sql"):
        result = connection.execute(text)
        if name:
            columns = [column[0] for column in result.description]
            answers[name] = [dict(zip(columns, row)) for row in result.fetchall()]
    # What is inferred without being told must do, too.
    inferred = connection.execute(
        "SELECT count(*) AS lines, count(DISTINCT trace) AS traces, sum(repeats)::BIGINT AS calls, count(errno) AS failed, "
        "max(started)::VARCHAR AS started FROM read_json('traces/*.jsonl')"
    )
    answers["inferred"] = [dict(zip([column[0] for column in inferred.description], inferred.fetchone()))]
    return answers


def spark_recipes(document):
    space = {}
    [(_, text)] = blocks(document, "python")
    exec(compile(text, document, "exec"), space)
    names = ["spins", "moved", "foreign_writes", "top_sites"]
    answers = {name: [row.asDict() for row in space[name].collect()] for name in names}
    inferred = space["spark"].read.json("traces")
    answers["inferred"] = [{"lines": inferred.count(), "traces": inferred.select("trace").distinct().count()}]
    types = {field.name: field.dataType.simpleString() for field in inferred.schema}
    told = {field.name: field.dataType.simpleString() for field in space["events"].schema}
    # A column that is null in all lines is inferred as a text; times are texts unless asked for.
    answers["differences"] = [
        {"column": name} for name, kind in types.items() if kind not in ("string", told[name])
    ]
    space["spark"].stop()
    return answers


def perfetto_recipe(document):
    space = {}
    [(_, text)] = blocks(document, "py")
    exec(compile(text, document, "exec"), space)
    # What is null is no number in a DataFrame, and null again in JSON.
    return {name: json.loads(space[name].to_json(orient="records")) for name in ("slices", "findings", "spins")}


def schema_check(document):
    import jsonschema

    with open(document, encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    objections, lines = [], 0
    for path in sorted(glob.glob("traces/*.jsonl")):
        with open(path, encoding="utf-8", errors="strict") as file:
            for line in file:
                lines += 1
                objections += [{"line": line, "error": error.message} for error in validator.iter_errors(json.loads(line))]
    return {"lines": [{"lines": lines}], "objections": objections[:10]}


todo = {"duckdb": duckdb_recipes, "spark": spark_recipes, "perfetto": perfetto_recipe, "schema": schema_check}[sys.argv[1]]
with open("answers.json", "w", encoding="utf-8") as answers:
    json.dump(todo(sys.argv[2]), answers, default=str)
