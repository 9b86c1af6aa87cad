// The lists in which leases are found: of a slot, of a task, of an agent, of what is at targets or could not be revoked; read from their end, a page at a time.
import type { LeaseRecord } from './records.js';
import { leaseFromRecord } from './records.js';
import type { Slots } from './slots.js';

/** So many leases are looked at in one script: less than a millisecond of Redis' time. */
const PAGE = 100;

/** `irrevocable` is in the order in which they were given up, `external` (reserved and active ones) by when they lapse. */
export type ListName = 'issued' | 'of' | 'by' | 'irrevocable' | 'external';

export class LeaseLists {
  readonly #slots: Slots;

  constructor(slots: Slots) {
    this.#slots = slots;
  }

  /** Newest first. What is issued meanwhile may be missed, and nothing comes twice. */
  async *newest(slot: number, list: ListName, of = '', page = PAGE): AsyncGenerator<LeaseRecord> {
    const seen = new Set<string>();
    for (let passed = 0; ; passed += page) {
      const [looked, ...found] = await this.#slots.ask('list-leases', slot, [list, of, passed, page]);
      for (let at = 0; at < found.length; at += 3) {
        const [chance, record, ending] = found.slice(at, at + 3) as [string, string, string];
        if (seen.has(chance)) continue;
        seen.add(chance);
        yield leaseFromRecord(slot, chance, record, ending);
      }
      if ((looked as number) < page) return;
    }
  }
}
