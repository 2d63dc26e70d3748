#!/bin/sh
# victim: node with timers, a pool of threads, children by pipes and by an IPC channel, and a server in its cluster
# clean: yes
# slow: yes
# forbid: foreign-wakeup-write
# forbid: foreign-read
# forbid: inherited-signal-handler
# forbid: busy-poll
# forbid: shared-epoll
# forbid: ghost-epoll-entry
# needs: nodejs
#
# No bug: libuv starts children with fork and exec, and its threads wake its loop by an eventfd within one process.
set -e
command -v node >/dev/null || { echo "skipped: node is not installed" >&2; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/main.js" << 'END'
const assert = require("assert"), cluster = require("cluster"), crypto = require("crypto"), http = require("http");
const { execFile, fork } = require("child_process"), { promisify } = require("util"), { Worker } = require("worker_threads");
if (process.argv[2] === "echo") {
  process.on("message", (message) => { if (message === "end") process.disconnect(); else process.send(message * 2); });
} else if (cluster.isWorker) {
  http.createServer((request, response) => response.end("hello " + process.pid)).listen(0, "127.0.0.1");
} else {
  main().then(() => process.exit(0), (error) => { console.error("not as labelled:", error); process.exit(1); });
}
const once = (emitter, name) => new Promise((resolve) => emitter.once(name, (...values) => resolve(values)));
async function main() {
  const hashes = await Promise.all([1, 2, 3, 4].map(() => promisify(crypto.pbkdf2)("a", "b", 1000, 32, "sha256")));
  assert.equal(hashes.length, 4);
  const outputs = await Promise.all([1, 2, 3].map((n) => promisify(execFile)("seq", ["1", String(n * 1000)])));
  assert.equal(outputs[2].stdout.split("\n").length, 3001);
  const child = fork(__filename, ["echo"]);
  for (let number = 1; number <= 10; number++) {
    child.send(number);
    assert.equal((await once(child, "message"))[0], number * 2);
  }
  child.send("end");
  assert.deepEqual(await once(child, "exit"), [0, null]);
  const thread = new Worker("const { parentPort } = require('worker_threads'); parentPort.postMessage(7);", { eval: true });
  assert.equal((await once(thread, "message"))[0], 7);
  const workers = [cluster.fork(), cluster.fork()];
  const ports = (await Promise.all(workers.map((worker) => once(worker, "listening")))).map(([address]) => address.port);
  for (let number = 0; number < 10; number++) {
    const [response] = await once(http.get({ port: ports[0], host: "127.0.0.1", agent: false }), "response");
    let text = "";
    for await (const part of response) text += part;
    assert.match(text, /^hello /);
  }
  for (const worker of workers) { worker.kill("SIGTERM"); await once(worker, "exit"); }
}
END
timeout 60 node "$folder/main.js"
