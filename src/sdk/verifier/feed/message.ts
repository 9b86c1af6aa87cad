// What the broker's feed key signed: a part of a snapshot, or a heartbeat.
import { type FeedEntry, selectorDigest } from '../../../domain/feed.js';
import { Refusal } from '../../../domain/refusal.js';
import { SIGNATURE_ALGORITHMS } from '../../../jws/algorithms.js';
import { parseCompact } from '../../../jws/compact.js';
import { verifySync } from '../../../jws/signature.js';
import type { Keys } from '../keys.js';
import { entriesIn } from './union.js';

/** Where a feed stands: which changes it has made, up to when it is complete, and what time it is there. */
export interface Standing {
  readonly feed: string;
  readonly epoch: string;
  readonly version: number;
  readonly chain: string;
  readonly asOf: number;
  readonly now: number;
  /** What signed it, as kills name it. */
  readonly keyDigest: string;
}

export interface SnapshotPart extends Standing {
  readonly kind: 'snapshot';
  readonly part: number;
  readonly parts: number;
  /** It holds only what may have come after this. */
  readonly since?: number;
  readonly entries: readonly FeedEntry[];
}

export interface Heartbeat extends Standing {
  readonly kind: 'heartbeat';
  readonly heartbeatMs: number;
  readonly acknowledgeWithinMs: number;
}

const TYPE = 'mayfly-feed+jwt';
const MOST_BYTES = 8 * 1024 * 1024;
const MOST_PARTS = 100_000;
const MOST_HEARTBEAT_MS = 60_000;

export interface MessageTerms {
  readonly issuer: string;
  readonly keys: Keys;
}

/** Signed by what answers there, which calls itself otherwise than we were told. */
export interface Foreign {
  readonly kind: 'foreign';
  readonly issuer: string;
}

/** Undefined for anything that is not exactly such a message by a key of the feed's. */
export async function readMessage(
  text: string,
  { issuer, keys }: MessageTerms,
): Promise<SnapshotPart | Heartbeat | Foreign | undefined> {
  const token = parseCompact(text, MOST_BYTES);
  if (token instanceof Refusal) return undefined;
  const { typ, alg, kid, crit } = token.header;
  const algorithm = SIGNATURE_ALGORITHMS.find((one) => one === alg);
  if (typ !== TYPE || crit !== undefined || typeof kid !== 'string' || !algorithm) return undefined;
  const key = await keys.find(kid, algorithm);
  if (!key || !verifySync(algorithm, key, token.signingInput, token.signature)) return undefined;
  const { payload } = token;
  const { iss } = payload;
  if (iss !== issuer) return isText(iss) ? { kind: 'foreign', issuer: iss } : undefined;
  const standing = standingIn(payload, selectorDigest(issuer, { kind: 'key', name: kid }));
  if (!standing) return undefined;
  if (payload['kind'] === 'snapshot') return snapshotIn(payload, standing);
  return payload['kind'] === 'heartbeat' ? heartbeatIn(payload, standing) : undefined;
}

type Payload = Readonly<Record<string, unknown>>;

function standingIn(payload: Payload, keyDigest: string): Standing | undefined {
  const { feed, epoch, version, chain, as_of: asOf, now } = payload;
  if (!isText(feed) || !(isText(epoch) || isCount(epoch)) || !isText(chain)) return undefined;
  if (!isCount(version) || !isCount(asOf) || !isCount(now)) return undefined;
  return { feed, epoch: String(epoch), version, chain, asOf, now, keyDigest };
}

function snapshotIn(payload: Payload, standing: Standing): SnapshotPart | undefined {
  const { part, parts, since } = payload;
  const entries = entriesIn(payload['entries']);
  if (!entries || !isCount(part) || !isCount(parts) || part > parts || parts > MOST_PARTS) return undefined;
  if (since !== undefined && !isCount(since)) return undefined;
  return { kind: 'snapshot', ...standing, part, parts, ...(since !== undefined && { since }), entries };
}

function heartbeatIn(payload: Payload, standing: Standing): Heartbeat | undefined {
  const { heartbeat_ms: heartbeatMs, acknowledge_within_ms: acknowledgeWithinMs } = payload;
  if (!isCount(heartbeatMs) || heartbeatMs === 0 || !isCount(acknowledgeWithinMs)) return undefined;
  return {
    kind: 'heartbeat',
    ...standing,
    heartbeatMs: Math.min(heartbeatMs, MOST_HEARTBEAT_MS),
    acknowledgeWithinMs: Math.min(acknowledgeWithinMs, MOST_HEARTBEAT_MS),
  };
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
