// The part of the store port for sessions that only their role can deny: which role each is on, and which are to be denied.

/** A session that is to be denied. */
export interface Denied {
  readonly session: string;
  /** When at the latest it came to be, by the deadline of its mint: a cut-off must lie after that. */
  readonly mintedBy: number;
  /** From then on nobody has to be told: it ran out by itself, at the slowest clock. */
  readonly until: number;
}

/** Everything that was issued before it is to be denied: where there is no room any more to name sessions. */
export interface CutOff {
  /** Milliseconds, a whole second. */
  readonly before: number;
  readonly until: number;
}

export interface DenyState {
  readonly denied: readonly Denied[];
  readonly cutOff?: CutOff;
}

/** The right to write what one role denies. */
export interface WriteClaim {
  readonly role: string;
  /** Above that of every claim on the role before. It names the document that is written, so none is written twice. */
  readonly fence: number;
}

export interface Seat {
  readonly session: string;
  /** Until then it is counted: no earlier than the session's own end. */
  readonly until: number;
}

/**
 * A role is any text of up to 512 characters (NUL is none), by which the caller tells its roles apart: a name alone
 * stands for two roles in two accounts. An implementation guarantees, across all brokers and for a role each:
 *
 * 1. What resolved is durable, and seen by whatever is called afterwards by anybody.
 * 2. Revocation only grows: what was added stays until it is moot by the store's time. An entry again takes the later
 *    times of the two; a cut-off never goes back.
 * 3. A fence is never given twice, not by a store that was restored either: it lies above every fence that a document
 *    of the role bears (`seen`).
 * 4. While a claim lasts, nobody else gets one. It lasts for the time asked for, by the store's clock, or until it is
 *    released, or until everybody who could hold it is gone. One that is overtaken is not an error: its holder learns
 *    of it from `read`.
 * 5. A seat is given once: never more than `most` at a time on a role, and to the same session the same one again, with
 *    the time that was asked for first. None on a role whose cut-off still lies ahead: a session there would be dead at
 *    once.
 * 6. Nothing stays for good but one record of each role, with its fence: what is moot is forgotten by `sweep`.
 */
export interface DenyStore {
  /** The role that the session is on, among these; undefined where all are full. Resolves before AWS is asked. */
  seat(session: Seat, roles: readonly string[], most: number): Promise<string | undefined>;
  /**
   * The role that the session was given a seat on. Undefined: it was never asked for, so it cannot exist, or its time
   * is over for longer than ended leases are kept. Until then it is answered, although the seat is another's by now.
   */
  seatOf(session: string): Promise<string | undefined>;
  /** The session never came to be, for certain: its seat is another's. `seatOf` forgets it. */
  unseat(session: string): Promise<void>;
  /** As durable as a kill, and held back by as little. */
  add(role: string, denied: Denied): Promise<void>;
  /** Undefined while another's claim lasts. `seen`: the highest fence that the caller knows from the role itself. */
  claim(role: string, forMs: number, seen: number): Promise<WriteClaim | undefined>;
  /** All that is not moot. Undefined where the claim was overtaken: whoever did that writes. */
  read(claim: WriteClaim): Promise<DenyState | undefined>;
  /** False where the claim was overtaken. */
  raise(claim: WriteClaim, cutOff: CutOff): Promise<boolean>;
  /** Of an overtaken claim, nothing happens. */
  release(claim: WriteClaim): Promise<void>;
}
