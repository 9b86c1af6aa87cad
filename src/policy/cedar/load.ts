// From files of policies to a set that can decide, or every mistake at its line.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { ACTIONS } from './actions.js';
import type { CompiledPolicy } from './compiled-policy.js';
import { compiled } from './compiled-policy.js';
import { Unsupported } from './expression.js';
import { wideningIn } from './narrowing.js';
import { obligationsOf } from './obligations.js';
import type { ParsedPolicies, ParsedPolicy, PolicyFile, PolicyFlaw } from './parse.js';
import { parsePolicies } from './parse.js';
import { PolicySet } from './policy-set.js';

/** What policies are checked against: it ships with us, and nobody can have another one. */
export const SCHEMA_PATH = fileURLToPath(
  new URL('../../../config/policies/mayfly.cedarschema', import.meta.url),
);

export interface LoadedPolicies {
  readonly files: readonly PolicyFile[];
  readonly set: PolicySet;
  /** What is no mistake, and probably not meant. */
  readonly warnings: readonly PolicyFlaw[];
}

/** The reference broke down before it could tell what is wrong, and where. */
export class UnreadablePolicies extends Error {
  constructor(why: string) {
    super(`could not be read: ${why}`);
    this.name = 'UnreadablePolicies';
  }
}

/**
 * Parses and validates the policies, checks their annotations and that what comes to pass can only narrow, and makes them
 * ready to decide. Nothing is left out: one mistake anywhere, and there is no set.
 *
 * @throws UnreadablePolicies
 */
export async function loadPolicies(
  files: readonly PolicyFile[],
): Promise<LoadedPolicies | { readonly mistakes: readonly PolicyFlaw[] }> {
  const schema = readFileSync(SCHEMA_PATH, 'utf8');
  const { policies, mistakes, warnings } = await parseApart(files, schema);
  const read = policies.map(policyOf);
  const flaws = [
    ...mistakes,
    ...read.flatMap((one) => ('mistake' in one ? [one.mistake] : [])),
    ...namesakes(read.filter((one): one is CompiledPolicy => !('mistake' in one))),
  ];
  if (flaws.length > 0) return { mistakes: flaws };
  return { files, set: new PolicySet(read as CompiledPolicy[], ACTIONS), warnings };
}

/**
 * In a thread of its own, where it was built as one: ten thousand policies take the reference ten seconds, in which no
 * kill would be answered. And WASM that runs in no thread of ours cannot fall into what V8 makes of it under load.
 */
function parseApart(files: readonly PolicyFile[], schema: string): ParsedPolicies | Promise<ParsedPolicies> {
  const place = new URL('./parse-worker.js', import.meta.url);
  if (!existsSync(place)) return parsePolicies(files, schema);
  return new Promise((resolve, reject) => {
    const worker = new Worker(place, { workerData: { files, schema } });
    const fail = (why: string): void => reject(new UnreadablePolicies(why));
    worker.once('message', resolve);
    worker.once('messageerror', (error) => fail(error.message));
    // Out of memory, say: whatever else is wrong with a file has its place.
    worker.once('error', (error) => fail(error.message));
    worker.once('exit', (code) => fail(`its thread ended with ${code}`));
  });
}

function policyOf({ place, nth, json }: ParsedPolicy): CompiledPolicy | { readonly mistake: PolicyFlaw } {
  const annotations = json.annotations ?? {};
  const obligations = obligationsOf(json.effect, annotations);
  if (typeof obligations === 'string') return { mistake: { ...place, message: obligations } };
  const widening = wideningIn(json);
  if (widening !== undefined) return { mistake: { ...place, message: widening } };
  try {
    return compiled({ name: annotations['id'] ?? `${place.file}#${nth}`, place, json, obligations });
  } catch (error) {
    // A stack that does not suffice to make it ready would not suffice to decide by it either.
    if (!(error instanceof Unsupported || error instanceof RangeError)) throw error;
    return { mistake: { ...place, message: error.message } };
  }
}

/** A name in a record must say which policy it was. */
function namesakes(policies: readonly CompiledPolicy[]): PolicyFlaw[] {
  const first = new Map<string, CompiledPolicy>();
  return policies.flatMap((policy) => {
    const other = first.get(policy.name);
    if (!other) first.set(policy.name, policy);
    return other
      ? [
          {
            ...policy.place,
            message: `@id("${policy.name}") is the name of ${other.place.file}:${other.place.line}`,
          },
        ]
      : [];
  });
}
