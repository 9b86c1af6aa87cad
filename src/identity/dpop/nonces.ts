// Nonces that we hand out for proofs (RFC 9449 §8): nothing is kept of them, and every broker with the seal key knows them.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { MINUTE_MS, SECOND_MS } from '../../domain/duration.js';

/** How long one is good, and after how long the next one rides on an answer. */
const GOOD_FOR_MS = 5 * MINUTE_MS;
const FRESH_FOR_MS = GOOD_FOR_MS / 2;
/** Brokers' clocks may differ. */
const MOST_AHEAD_MS = MINUTE_MS;
const TIME_BYTES = 6;
const MAC_BYTES = 16;

export type NonceStanding = 'good' | 'ageing' | 'bad';

/** Bound to the key that it is for: one that was fetched with another key makes no proof of this one newer. */
export class Nonces {
  readonly #keys: readonly Buffer[];

  /** @param keys derived from the seal keys: the first makes, all of them are known. */
  constructor(keys: readonly Buffer[]) {
    this.#keys = keys;
  }

  next(thumbprint: string, now: number): string {
    const time = Buffer.alloc(TIME_BYTES);
    time.writeUIntBE(Math.floor(now / SECOND_MS), 0, TIME_BYTES);
    return Buffer.concat([time, mac(this.#keys[0]!, time, thumbprint)]).toString('base64url');
  }

  standing(nonce: string, thumbprint: string, now: number): NonceStanding {
    const bytes = Buffer.from(nonce, 'base64url');
    if (bytes.length !== TIME_BYTES + MAC_BYTES || bytes.toString('base64url') !== nonce) return 'bad';
    const time = bytes.subarray(0, TIME_BYTES);
    const given = bytes.subarray(TIME_BYTES);
    if (!this.#keys.some((key) => timingSafeEqual(mac(key, time, thumbprint), given))) return 'bad';
    const ageMs = now - time.readUIntBE(0, TIME_BYTES) * SECOND_MS;
    if (ageMs >= GOOD_FOR_MS || ageMs < -MOST_AHEAD_MS) return 'bad';
    return ageMs < FRESH_FOR_MS ? 'good' : 'ageing';
  }
}

const mac = (key: Buffer, time: Buffer, thumbprint: string): Buffer =>
  createHmac('sha256', key).update(time).update(thumbprint).digest().subarray(0, MAC_BYTES);
