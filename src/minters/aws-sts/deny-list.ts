// Kills sessions of roles: what is to be denied is on record first, then in a policy of the role, then believed.
import type { Clock } from '../../domain/clock.js';
import type { DenyStore, Denied } from '../../store/deny-store.js';
import { denies, documentsOf, entriesOf } from './deny-document.js';
import { AwsFault } from './aws-fault.js';
import type { RolePolicies } from './role-policies.js';
import { RoleWriter } from './role-writer.js';
import type { CutOffListener, Written } from './role-writer.js';

/** When what IAM has accepted is in force: nobody tells, so it is waited for, or tried. */
export type Propagation =
  | { readonly waitMs: number }
  | {
      /** Whether a call that the session was allowed to make is denied by now. */
      readonly isDenied: (role: string, session: string) => Promise<boolean>;
      readonly everyMs: number;
      readonly withinMs: number;
    };

export interface DenyListTerms {
  readonly policies: RolePolicies;
  readonly store: DenyStore;
  readonly clock: Clock;
  readonly propagation: Propagation;
  readonly pause: (ms: number) => Promise<void>;
  /** Told before anything is written: sessions that nobody killed end by it as well. */
  readonly onCutOff: CutOffListener;
}

export interface Kill {
  /** When IAM had taken it and gave it back. */
  readonly requestedAt: number;
  /** Resolves with the time at which it is in force. Whoever does not ask learns of no failure. */
  confirmed(): Promise<number>;
}

/** How often what was written is looked for after its time, and written again where somebody has removed it. */
const MOST_ROUNDS = 3;

export class DenyList {
  readonly #terms: DenyListTerms;
  readonly #writers = new Map<string, RoleWriter>();
  readonly #propagated = new WeakMap<Written, Promise<Written['documents']>>();

  constructor(terms: DenyListTerms) {
    this.#terms = terms;
  }

  /** Idempotent. Many at once are one write: what comes while one is under way waits for the next, with all the others. */
  async kill(role: string, denied: Denied): Promise<Kill> {
    await this.#terms.store.add(role, denied);
    const written = await this.#writer(role).write();
    let confirmed: Promise<number> | undefined;
    return {
      requestedAt: written.at,
      confirmed: () => (confirmed ??= this.#confirm(role, denied, written)),
    };
  }

  /**
   * Removes what is moot, and writes again what somebody removed: for a schedule. A kill alone would leave the role's
   * policy as it is until the next one.
   */
  async tidy(role: string): Promise<void> {
    await this.#writer(role).tidy();
  }

  async #confirm(role: string, denied: Denied, written: Written): Promise<number> {
    const { clock, propagation } = this.#terms;
    if (!('waitMs' in propagation)) return this.#tried(role, denied, propagation);
    for (let round = 1, latest = written; ; round++) {
      const documents = await this.#waited(role, latest, propagation.waitMs);
      const state = { denied: [denied], ...(latest.cutOff && { cutOff: latest.cutOff }) };
      const isThere = denies(documents.ours, entriesOf(latest.roleId, state));
      if (isThere || clock.now() >= denied.until) return clock.now();
      if (round === MOST_ROUNDS)
        throw new AwsFault('ERR_AWS_ANSWER', `somebody removes the policies of ${role} that deny sessions`);
      latest = await this.#writer(role).write();
    }
  }

  /** Once for all that one write had: what is there after the time of it. */
  #waited(role: string, written: Written, waitMs: number): Promise<Written['documents']> {
    let documents = this.#propagated.get(written);
    if (documents === undefined) {
      documents = this.#terms
        .pause(waitMs)
        .then(async () => documentsOf(await this.#terms.policies.all(role)));
      this.#propagated.set(written, documents);
    }
    return documents;
  }

  async #tried(
    role: string,
    { session, until }: Denied,
    { isDenied, everyMs, withinMs }: Exclude<Propagation, { readonly waitMs: number }>,
  ): Promise<number> {
    const { clock, pause } = this.#terms;
    const end = clock.now() + withinMs;
    while (!(await isDenied(role, session))) {
      if (clock.now() >= until) break;
      if (clock.now() >= end)
        throw new AwsFault(
          'ERR_AWS_ANSWER',
          `${session} of ${role} still works ${withinMs} ms after its kill`,
        );
      await pause(everyMs);
    }
    return clock.now();
  }

  #writer(role: string): RoleWriter {
    let writer = this.#writers.get(role);
    if (!writer) this.#writers.set(role, (writer = new RoleWriter(role, this.#terms)));
    return writer;
  }
}
