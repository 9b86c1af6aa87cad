// What roles deny, in the embedded store: sessions and cut-offs, whose turn it is to write, and who sits where.
import type { CutOff, Denied, DenyState, DenyStore, Seat, WriteClaim } from '../deny-store.js';
import type { Row } from './database.js';
import type { Ledger } from './ledger.js';

export class Denials implements DenyStore {
  readonly #ledger: Ledger;
  readonly #keptForMs: number;

  /** `keptForMs`: for how long a session whose time is over is still known to have been on its role. */
  constructor(ledger: Ledger, keptForMs: number) {
    this.#ledger = ledger;
    this.#keptForMs = keptForMs;
    // The file is opened for us alone: whoever held a claim is gone, and a kill need not wait until it runs out.
    ledger.db.sql('UPDATE denying_role SET claimed_until = 0 WHERE claimed_until > 0').run();
  }

  seat({ session, until }: Seat, roles: readonly string[], most: number): Promise<string | undefined> {
    const { db } = this.#ledger;
    return db.transact(() => {
      const given = db.sql(SEAT_OF).get(session);
      if (given) return String(given['role']);
      const now = this.#ledger.now();
      const [free] = roles
        .filter((role) => Number(this.#role(role)?.['cut_before'] ?? 0) <= now)
        .map((role) => ({ role, taken: Number(db.sql(TAKEN).get(role, now)!['taken']) }))
        .filter(({ taken }) => taken < most)
        .toSorted((one, other) => one.taken - other.taken);
      if (free)
        db.sql('INSERT INTO seat (session, role, until) VALUES (?, ?, ?)').run(session, free.role, until);
      return free?.role;
    });
  }

  seatOf(session: string): Promise<string | undefined> {
    return this.#ledger.db.read(() => {
      const seat = this.#ledger.db.sql(SEAT_OF).get(session);
      return seat && String(seat['role']);
    });
  }

  unseat(session: string): Promise<void> {
    return this.#ledger.db.transact(() => {
      this.#ledger.db.sql('DELETE FROM seat WHERE session = ?').run(session);
    });
  }

  add(role: string, { session, mintedBy, until }: Denied): Promise<void> {
    return this.#ledger.db.transact(() => {
      this.#ledger.db.sql(ADD).run(role, session, mintedBy, until);
    }, 'first');
  }

  claim(role: string, forMs: number, seen: number): Promise<WriteClaim | undefined> {
    return this.#ledger.db.transact(() => {
      const now = this.#ledger.now();
      const claimed = this.#ledger.db.sql(CLAIM).get(role, seen, now, now + forMs);
      return claimed && { role, fence: Number(claimed['fence']) };
    }, 'first');
  }

  read(claim: WriteClaim): Promise<DenyState | undefined> {
    const { db } = this.#ledger;
    return db.read(() => {
      const role = this.#held(claim);
      if (!role) return undefined;
      const now = this.#ledger.now();
      const denied = db
        .sql('SELECT * FROM denied_session WHERE role = ? AND until > ?')
        .all(claim.role, now)
        .map(deniedFromRow);
      const cutOff = { before: Number(role['cut_before']), until: Number(role['cut_until']) };
      return { denied, ...(cutOff.until > now && { cutOff }) };
    });
  }

  raise(claim: WriteClaim, { before, until }: CutOff): Promise<boolean> {
    return this.#ledger.db.transact(() => {
      if (!this.#held(claim)) return false;
      this.#ledger.db.sql(RAISE).run(before, until, claim.role);
      return true;
    }, 'first');
  }

  release(claim: WriteClaim): Promise<void> {
    return this.#ledger.db.transact(() => {
      if (this.#held(claim))
        this.#ledger.db.sql('UPDATE denying_role SET claimed_until = 0 WHERE role = ?').run(claim.role);
    }, 'first');
  }

  /** Within a sweep: forgets what is moot, at most so many of each. Answers how many went. */
  purge(now: number, limit: number): number {
    const { db } = this.#ledger;
    return (
      db.sql(PURGE_DENIED).run(now, limit).changes +
      db.sql(PURGE_SEATS).run(now - this.#keptForMs, limit).changes
    );
  }

  #role(role: string): Row | undefined {
    return this.#ledger.db.sql('SELECT * FROM denying_role WHERE role = ?').get(role);
  }

  /** The role, where nobody has claimed it since. A claim that ran out is good until then: nobody writes beside it. */
  #held({ role, fence }: WriteClaim): Row | undefined {
    const row = this.#role(role);
    return row && Number(row['fence']) === fence ? row : undefined;
  }
}

const deniedFromRow = (row: Row): Denied => ({
  session: String(row['session']),
  mintedBy: Number(row['minted_by']),
  until: Number(row['until']),
});

const SEAT_OF = 'SELECT role FROM seat WHERE session = ?';
const TAKEN = 'SELECT count(*) AS taken FROM seat WHERE role = ? AND until > ?';

const ADD = `INSERT INTO denied_session (role, session, minted_by, until) VALUES (?, ?, ?, ?)
  ON CONFLICT (role, session) DO UPDATE
  SET minted_by = max(minted_by, excluded.minted_by), until = max(until, excluded.until)`;

/** ?1 role, ?2 the highest fence seen, ?3 now, ?4 until when. Nothing where another's claim lasts. */
const CLAIM = `INSERT INTO denying_role (role, fence, claimed_until) VALUES (?1, ?2 + 1, ?4)
  ON CONFLICT (role) DO UPDATE SET fence = max(fence, ?2) + 1, claimed_until = ?4 WHERE claimed_until <= ?3
  RETURNING fence`;

const RAISE = `UPDATE denying_role SET cut_before = max(cut_before, ?1), cut_until = max(cut_until, ?2) WHERE role = ?3`;

const PURGE_DENIED = `DELETE FROM denied_session WHERE (role, session) IN
  (SELECT role, session FROM denied_session WHERE until <= ? LIMIT ?)`;
const PURGE_SEATS = `DELETE FROM seat WHERE session IN (SELECT session FROM seat WHERE until <= ? LIMIT ?)`;
