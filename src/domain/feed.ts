// The revocation feed's terms: how kills are named in it without their names, and what ties its messages together.
import { sha256 } from './digest.js';
import { lineageOf } from './ids.js';
import type { Selectable } from './revocation.js';
import type { Selector } from './selector.js';
import { selectorText } from './selector.js';

/** A kill as verifiers learn of it: `[digest, cutoff, mootAt]`, both times of the store in milliseconds; null: no cut-off. */
export type FeedEntry = readonly [digest: string, cutoffMs: number | null, mootAtMs: number];

/**
 * 128 bits of SHA-256: whoever wanted a kill to name something else as well would have to find a second preimage of them.
 * That is 21 characters and the first two bits of another.
 */
const WHOLE_CHARACTERS = 21;
const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const FIRST_TWO_BITS = 0b110000;

/**
 * What stands for a selector in the feed, 22 characters: whoever has met the name recognises it, nobody reads it off.
 * Names that can be guessed can be confirmed by guessing.
 */
export function selectorDigest(issuer: string, selector: Selector): string {
  const whole = sha256(`mayfly-feed\n${issuer}\n${selectorText(selector)}`);
  const last = DIGITS[DIGITS.indexOf(whole[WHOLE_CHARACTERS]!) & FIRST_TWO_BITS]!;
  return whole.slice(0, WHOLE_CHARACTERS) + last;
}

/** Every selector that kills such a credential. */
export function selectorsOf(lease: Omit<Selectable, 'issuedAt'>): Selector[] {
  return [
    { kind: 'lease', name: lease.id },
    ...lineageOf(lease.taskId).map((name) => ({ kind: 'task', name }) as const),
    ...[lease.agent, ...lease.actors].map((name) => ({ kind: 'agent', name }) as const),
    { kind: 'tool', name: lease.tool },
    { kind: 'trust', name: lease.trust },
    ...(lease.keyId === undefined ? [] : [{ kind: 'key', name: lease.keyId } as const]),
    { kind: 'all', name: '' },
  ];
}

/** The chain after one more change: whoever has the same chain has seen the same changes in the same order. */
export const chained = (chain: string, data: string): string => sha256(`${chain}\n${data}`);
