#!/usr/bin/env node
// The `mayfly` command.
import { run } from './program.js';
import { ownShell } from './shell.js';

process.exitCode = await run(process.argv.slice(2), ownShell());
