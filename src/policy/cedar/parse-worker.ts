// The thread in which the reference reads policies: see `parseApart`.
import { parentPort, workerData } from 'node:worker_threads';
import type { PolicyFile } from './parse.js';
import { parsePolicies } from './parse.js';

const { files, schema } = workerData as { readonly files: readonly PolicyFile[]; readonly schema: string };
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
parentPort!.postMessage(parsePolicies(files, schema));
