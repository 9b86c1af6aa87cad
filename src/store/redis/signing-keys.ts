// Signing keys and replay keys in Redis.
import { randomBytes } from 'node:crypto';
import type { AuditEntry } from '../../audit/entry.js';
import { SLOTS } from '../../domain/ids.js';
import { sha256 } from '../../domain/digest.js';
import type { KeyStore, KeyUse, ReplayStore, SigningKeyRecord } from '../store.js';
import { HOME_SLOT } from './keys.js';
import type { Reader } from './reader.js';
import { factsOf, luaJson } from './records.js';
import type { Slots } from './slots.js';

export class SigningKeys implements KeyStore, ReplayStore {
  readonly #slots: Slots;
  readonly #reader: Reader;

  constructor(slots: Slots, reader: Reader) {
    this.#slots = slots;
    this.#reader = reader;
  }

  async once(key: string, expiresAt: number, forKill = false): Promise<boolean> {
    const digest = sha256(key);
    // By the key and never by the task: a token is used once, whatever it is used for.
    const slot = Buffer.from(digest, 'base64url')[0]! % SLOTS;
    const caller = randomBytes(8).toString('hex');
    const args = [digest, Math.ceil(expiresAt), caller];
    // A failover that forgot it would let the same token or proof in once more: replicas have it before it counts.
    const lane = forKill ? 'kill-callers' : 'reservations';
    const [first] = await this.#slots.ask('once', slot, args, lane);
    return first === 1;
  }

  async signingKeys(use: KeyUse): Promise<SigningKeyRecord[]> {
    const keys = await this.#reader.signingKeys();
    return keys.filter((key) => key.use === use).toSorted((a, b) => a.activatesAt - b.activatesAt);
  }

  async addSigningKey(key: SigningKeyRecord, entry: AuditEntry, newest?: string | null): Promise<boolean> {
    const seen = newest === undefined ? '?' : (newest ?? '');
    const args = [key.kid, key.use, key.activatesAt, luaJson(key), seen, factsOf(entry)];
    const [added] = await this.#slots.ask('add-signing-key', HOME_SLOT, args);
    if (added === 1) entry.markConcluded();
    return added === 1;
  }

  async removeSigningKey(kid: string): Promise<void> {
    await this.#slots.ask('remove-signing-key', HOME_SLOT, [kid]);
  }

  revokedKeys(): Promise<string[]> {
    return this.#reader.revokedKeys();
  }
}
