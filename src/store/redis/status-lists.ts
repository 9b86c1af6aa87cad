// Status lists in Redis: each of one slot, a list of leases in the order of their entries.
import type { StatusBits } from '../../domain/status-list.js';
import type { StatusStore } from '../status-store.js';
import { ALL_SLOTS } from './keys.js';
import type { Reader } from './reader.js';
import { statusListId } from './records.js';
import type { Slots } from './slots.js';

/** In one script: a millisecond of Redis' time. */
const LOOKED_AT_A_TIME = 200;
const LIST_ID = /^(\d{1,2})-(\d{1,16})$/;

export class StatusLists implements StatusStore {
  readonly #slots: Slots;
  readonly #reader: Reader;

  constructor(slots: Slots, reader: Reader) {
    this.#slots = slots;
    this.#reader = reader;
  }

  async statusLists(): Promise<string[]> {
    const found = await Promise.all(
      ALL_SLOTS.map(async (slot) =>
        (await this.#reader.pairs(slot, 'listing')).flatMap(([field]) =>
          field.startsWith('list:') ? statusListId(slot, field.slice('list:'.length)) : [],
        ),
      ),
    );
    return found.flat();
  }

  async statusList(id: string, before: StatusBits = { given: 0, live: [] }): Promise<StatusBits | undefined> {
    const [, slotText = '', list = ''] = LIST_ID.exec(id) ?? [];
    const slot = Number(slotText);
    if (list === '' || slot >= ALL_SLOTS.length) {
      const ailment = this.#slots.closed();
      if (ailment) throw ailment;
      return undefined;
    }
    const look = (positions: readonly number[]) =>
      this.#slots.ask('status-list', slot, [list, ...positions]) as Promise<number[]>;
    const [given = 0] = await look([]);
    if (given === 0) return undefined;
    const positions = [...before.live];
    for (let index = before.given; index < given; index++) positions.push(index);
    const live: number[] = [];
    for (let at = 0; at < positions.length; at += LOOKED_AT_A_TIME)
      live.push(...(await look(positions.slice(at, at + LOOKED_AT_A_TIME))).slice(1));
    return { given, live };
  }
}
