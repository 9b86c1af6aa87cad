#!/usr/bin/env node
// The `mayfly` command.
import { setFlagsFromString } from 'node:v8';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
// First of all: Node 20 crashes under load (exit 133) where V8 has inlined calls into WASM, which reads our policies.
if (major === 20) {
  setFlagsFromString('--no-turbo-inline-js-wasm-calls');
  // As in later versions: or half a second of both cores goes into optimising what reads a few policies, once.
  setFlagsFromString('--wasm-tiering-budget=20000000');
}
if (major < 20 || (major === 20 && minor < 19)) {
  // npm only warns of it, and an older Node fails somewhere in the middle, of something that it does not know.
  console.error(`mayfly: Node 20.19 or later is needed, and this is ${process.version}`);
  process.exitCode = 78;
} else {
  const { run } = await import('./program.js');
  const { ownShell } = await import('./shell.js');
  process.exitCode = await run(process.argv.slice(2), ownShell());
}
