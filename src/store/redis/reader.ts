// Plain reads of what is spread over slots: kills, quarantines, signing keys, the time.
import type { Revocation } from '../../domain/revocation.js';
import { RevocationSet } from '../../domain/revocation.js';
import type { Quarantine, SigningKeyRecord } from '../store.js';
import { ALL_SLOTS, HOME_SLOT } from './keys.js';
import type { KillRecord } from './records.js';
import { revocationFromRecord } from './records.js';
import type { Slots } from './slots.js';

type HashName = 'kills' | 'wide' | 'barred' | 'signing' | 'intents' | 'listing';

export class Reader {
  readonly #slots: Slots;

  constructor(slots: Slots) {
    this.#slots = slots;
  }

  /** The store's time: as late as anything that this broker has been told. */
  async now(): Promise<number> {
    await this.#slots.ask('look', HOME_SLOT);
    return this.#slots.latest;
  }

  async pairs(slot: number, name: HashName): Promise<[field: string, value: string][]> {
    const flat = (await this.#slots.ask('read-hash', slot, [name])) as string[];
    return flat.flatMap((field, at) => (at % 2 === 0 ? [[field, flat[at + 1]!] as [string, string]] : []));
  }

  async values(slot: number, name: HashName): Promise<string[]> {
    return (await this.pairs(slot, name)).map(([, value]) => value);
  }

  /** Kills of single tasks and leases that a slot holds. */
  async killsIn(slot: number): Promise<Revocation[]> {
    return (await this.pairs(slot, 'kills')).map(([selector, text]) =>
      revocationFromRecord(selector, JSON.parse(text) as KillRecord),
    );
  }

  /** Every other kill that a slot holds: all of them hold the same, but for one that is under way or was lost. */
  async wideIn(slot: number): Promise<Revocation[]> {
    return (await this.pairs(slot, 'wide')).flatMap(([selector, text]) =>
      (JSON.parse(text) as KillRecord[]).map((kill) => revocationFromRecord(selector, kill)),
    );
  }

  /** Of every slot: on a cluster one may have lost what another still holds. */
  async kills(): Promise<Revocation[]> {
    const found = await Promise.all(ALL_SLOTS.flatMap((slot) => [this.killsIn(slot), this.wideIn(slot)]));
    const union = new RevocationSet();
    for (const kill of found.flat()) union.add(kill);
    return union.all();
  }

  async quarantines(): Promise<Quarantine[]> {
    const barred = await this.pairs(HOME_SLOT, 'barred');
    return barred
      .filter(([bar]) => bar.startsWith('agent:'))
      .map(([, text]) => JSON.parse(text) as Quarantine)
      .toSorted((a, b) => b.since - a.since || (a.agent < b.agent ? -1 : 1));
  }

  async revokedKeys(): Promise<string[]> {
    const barred = await this.pairs(HOME_SLOT, 'barred');
    return barred.flatMap(([bar]) => (bar.startsWith('key:') ? [bar.slice('key:'.length)] : []));
  }

  async signingKeys(): Promise<SigningKeyRecord[]> {
    return (await this.values(HOME_SLOT, 'signing')).map((text) => JSON.parse(text) as SigningKeyRecord);
  }
}
