// The feed's messages, each made once for all who read it: what is signed, and what stands on the stream.
import type { FeedEntry } from '../../domain/feed.js';
import type { KeyRing } from '../../keys/key-ring.js';
import { composeCompact } from '../../jws/compact.js';
import { signSync } from '../../jws/signature.js';

/** RFC 8725 §3.11: nothing else that we sign passes as a word of the feed. */
const FEED_TYPE = 'mayfly-feed+jwt';

/** What ties a message to those before it, at one broker. */
export interface Position {
  /** Names the sequence of changes that `version` counts: of one broker, since it started. */
  readonly feed: string;
  readonly epoch: string;
  readonly version: number;
  readonly chain: string;
  /** Everything that the store had committed by then is contained. Store time, milliseconds. */
  readonly as_of: number;
  /** No later than this was it in the store when the message was sent. */
  readonly now: number;
}

export interface SnapshotPart extends Position {
  readonly kind: 'snapshot';
  readonly part: number;
  readonly parts: number;
  /** It holds what may have come since that `as_of` alone. */
  readonly since?: number;
  readonly entries: readonly FeedEntry[];
}

export interface Heartbeat extends Position {
  readonly kind: 'heartbeat';
  readonly heartbeat_ms: number;
  readonly acknowledge_within_ms: number;
}

/** Why a stream ends: `slow` and `resync` ask for a whole snapshot, after the others one goes on where it was. */
export type EndReason = 'slow' | 'resync' | 'token_expired' | 'trust_changed' | 'shutting_down';

/** By the key of the feed that signs now. */
export function signed(keys: KeyRing, issuer: string, message: SnapshotPart | Heartbeat): string {
  const key = keys.current();
  const header = { alg: key.algorithm, typ: FEED_TYPE, kid: key.kid };
  return composeCompact(header, { iss: issuer, ...message }, (input) =>
    signSync(key.algorithm, key.privateKey, input),
  );
}

/** Where whoever read so far can go on, at any broker. */
export const eventId = ({ epoch, as_of: asOf }: Pick<Position, 'epoch' | 'as_of'>): string =>
  `${epoch}.${asOf}`;

export function placeIn(id: string): { readonly epoch: string; readonly asOf: number } | undefined {
  const [, epoch, asOf] = /^([\w-]{1,64})\.(\d{1,15})$/.exec(id) ?? [];
  return epoch === undefined || asOf === undefined ? undefined : { epoch, asOf: Number(asOf) };
}

export const signedEvent = (kind: 'snapshot' | 'heartbeat', id: string, token: string): string =>
  `event: ${kind}\nid: ${id}\ndata: ${token}\n\n`;
export const changeEvent = (data: string): string => `event: change\ndata: ${data}\n\n`;
export const endEvent = (reason: EndReason): string => `event: end\ndata: ${JSON.stringify({ reason })}\n\n`;
