// Asks Perfetto's trace processor: node trace-processor.js FOLDER TRACE SQL...
//
// FOLDER holds the UI's engine (trace-engine.js says which files). Prints a JSON array: for each query its rows.
"use strict";
const fs = require("fs");
const engine = require("./trace-engine.js");
const { fields, varint, block } = engine;

const [folder, trace, ...queries] = process.argv.slice(2);
const tables = [];

function varints(bytes) {
  const wrapped = Buffer.concat(
    [...splitVarints(bytes)].map((part) => Buffer.concat([varint(8), part])));
  return [...fields(wrapped)].map(([, value]) => value);
}
function* splitVarints(bytes) {
  let from = 0;
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at] < 128) {
      yield bytes.subarray(from, at + 1);
      from = at + 1;
    }
  }
}

/// Adds a QueryResult's cells to a table; true with the last of them.
function take(result, table) {
  let isLast = false;
  for (const [field, value] of fields(result)) {
    if (field === 1) table.columns.push(value.toString());
    if (field === 2 && value.length) throw new Error(value.toString());
    if (field !== 3) continue;
    let kinds = [], whole = [], real = [], texts = [];
    for (const [part, cell] of fields(value)) {
      if (part === 1) kinds = varints(cell).map(Number);
      if (part === 2) whole = varints(cell).map((each) => Number(BigInt.asIntN(64, each)));
      if (part === 3) for (let at = 0; at < cell.length; at += 8) real.push(cell.readDoubleLE(at));
      if (part === 5) texts = cell.toString().split("\0");
      if (part === 6) isLast = cell !== 0n;
    }
    // CellsBatch.CellType: 1 NULL, 2 VARINT, 3 FLOAT64, 4 STRING.
    for (const kind of kinds) {
      table.cells.push(kind === 2 ? whole.shift() : kind === 3 ? real.shift() : kind === 4 ? texts.shift() : null);
    }
  }
  return isLast;
}

function receive(field, value) {
  if (field === 5) throw new Error(value.toString());
  if (field === 203) tables[tables.length - 1].isWhole = take(value, tables[tables.length - 1]);
}

function run(ask) {
  const bytes = fs.readFileSync(trace);
  for (let at = 0; at < bytes.length; at += 1 << 20) ask(engine.APPEND, block(101, bytes.subarray(at, at + (1 << 20))));
  ask(engine.FINALIZE);
  for (const query of queries) {
    tables.push({ columns: [], cells: [] });
    ask(engine.QUERY, block(103, block(1, Buffer.from(query))));
  }
  const rows = tables.map(({ columns, cells }) =>
    Array.from({ length: cells.length / Math.max(1, columns.length) }, (_, row) =>
      Object.fromEntries(columns.map((column, place) => [column, cells[row * columns.length + place]]))));
  process.stdout.write(JSON.stringify(rows) + "\n");
  process.exit(0);
}

engine.open(folder, receive, run);
