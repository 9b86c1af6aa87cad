// Status lists in the embedded store: entries are counted through, and a list is a range of them.
import { SECOND_MS } from '../../domain/duration.js';
import type { StatusBits } from '../../domain/status-list.js';
import { ENTRIES_PER_LIST } from '../../domain/status-list.js';
import type { StatusStore } from '../status-store.js';
import type { Ledger } from './ledger.js';
import { statusEntry } from './rows.js';
import { ALIVE_SQL } from './standing.js';

const LIST_ID = /^\d{1,12}$/;

export class StatusLists implements StatusStore {
  readonly #ledger: Ledger;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
    // What a restored backup has forgotten was of lists that began before: none of those is gone on with.
    if (this.#given() > 0) this.#ledger.db.sql(BEGIN_LIST).run(secondsAt(ledger.now()));
  }

  /** Within a transition: an entry that nobody had, also where every lease that had one is forgotten. */
  next(): number {
    return Number(this.#ledger.db.sql(NEXT_ENTRY).get(secondsAt(this.#ledger.now()))!['listed']) - 1;
  }

  statusLists(): Promise<string[]> {
    return this.#ledger.db.read(() => {
      const lists: string[] = [];
      for (let from = 0; ;) {
        const { entry } = this.#ledger.db.sql(FIRST_ENTRY).get(from)!;
        if (typeof entry !== 'number') return lists;
        const { list, index } = statusEntry(entry);
        lists.push(list);
        from = entry - index + ENTRIES_PER_LIST;
      }
    });
  }

  statusList(id: string, before: StatusBits = { given: 0, live: [] }): Promise<StatusBits | undefined> {
    return this.#ledger.db.read(() => {
      const start = LIST_ID.test(id) ? Number(id) * ENTRIES_PER_LIST : Infinity;
      const end = start + ENTRIES_PER_LIST;
      const { entry } = this.#ledger.db.sql(FIRST_ENTRY).get(Math.min(start, Number.MAX_SAFE_INTEGER))!;
      if (typeof entry !== 'number' || entry >= end) return undefined;
      const given = Math.min(this.#given() - start, ENTRIES_PER_LIST);
      const now = this.#ledger.now();
      const still = JSON.stringify(before.live.map((index) => start + index));
      const rows = [
        ...this.#ledger.db.sql(ALIVE_AMONG).all(now, still),
        ...this.#ledger.db.sql(ALIVE_SINCE).all(now, start + before.given, end),
      ];
      return { given, live: rows.map((row) => Number(row['entry']) - start) };
    });
  }

  #given(): number {
    return Number(this.#ledger.db.sql('SELECT listed FROM meta').get()!['listed']);
  }
}

const secondsAt = (now: number): number => Math.floor(now / SECOND_MS);

/** A list is numbered by the second at which it began, or by the one after the list before: ?1 is that second. */
const BEGIN_LIST = `UPDATE meta
  SET listed = max((listed + ${ENTRIES_PER_LIST - 1}) / ${ENTRIES_PER_LIST}, ?1) * ${ENTRIES_PER_LIST}`;
const NEXT_ENTRY = `UPDATE meta SET listed = iif(listed = 0, ?1 * ${ENTRIES_PER_LIST}, listed) + 1 RETURNING listed`;
const FIRST_ENTRY = `SELECT min(status_entry) AS entry FROM lease
  WHERE status_entry IS NOT NULL AND status_entry >= ?`;

const alive = (which: string): string => `SELECT l.status_entry AS entry
  FROM lease l JOIN task t ON t.id = l.task_id WHERE ${which} AND ${ALIVE_SQL}`;
const ALIVE_SINCE = alive('l.status_entry >= ?2 AND l.status_entry < ?3');
const ALIVE_AMONG = alive('l.status_entry IN (SELECT value FROM json_each(?2))');
