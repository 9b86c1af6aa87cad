// Writes what one role denies: one write at a time in this broker, and by a claim in all of them.
import type { Clock } from '../../domain/clock.js';
import { MINUTE_MS, SECOND_MS } from '../../domain/duration.js';
import { MAX_TTL_MS } from '../../domain/tool.js';
import { AwsFault } from './aws-fault.js';
import type { DenyDocument, DenyPlan, InlinePolicy, RoleDocuments } from './deny-document.js';
import { denies, documentsOf, entriesOf, namedIn, planDenial } from './deny-document.js';
import type { CutOff, DenyState, DenyStore, WriteClaim } from '../../store/deny-store.js';
import type { RolePolicies } from './role-policies.js';

/** Above all that one write takes. A claim that is overtaken costs a second write and nothing else. */
const CLAIM_MS = 20 * SECOND_MS;
const CLAIM_POLL_MS = 25;
/** How long another broker's claim is waited for: it may have died with one. */
const CLAIM_PATIENCE_MS = 2 * CLAIM_MS;
/** IAM may give back for a moment what was there before. */
const READ_BACK_MS = [0, 50, 200, 1000, 3000] as const;
/** What IAM showed for so long is no longer gone for a moment only, as what was there before may come back. */
const SETTLED_MS = 10 * SECOND_MS;
/** By how much AWS's clock may differ from ours. */
export const CLOCK_SKEW_MS = MINUTE_MS;

/** Told before anything is written, and again whenever the role is tidied: sessions that nobody killed end by it as well. */
export type CutOffListener = (role: string, cutOff: CutOff) => void;

export interface RoleWriterTerms {
  readonly policies: RolePolicies;
  readonly store: DenyStore;
  readonly clock: Clock;
  readonly pause: (ms: number) => Promise<void>;
  readonly onCutOff: CutOffListener;
}

export interface Written {
  readonly roleId: string;
  readonly cutOff?: CutOff;
  /** Ours as they were before. */
  readonly found: readonly DenyDocument[];
}

/** What a write came to, and what may still be done when it is good: removing what it says again. */
interface Round {
  readonly written: Written;
  /** All that the role denies now and still has to. */
  readonly there: ReadonlySet<string>;
  readonly drop: readonly string[];
}

export class RoleWriter {
  readonly #role: string;
  readonly #terms: RoleWriterTerms;
  #running: Promise<void> = Promise.resolve();
  #next: Promise<Written> | undefined;
  #thorough = false;
  /** Since when an entry is at the role, as far as this broker saw. */
  #seen: ReadonlyMap<string, number> = new Map();
  #undone = 0;

  constructor(role: string, terms: RoleWriterTerms) {
    this.#role = role;
    this.#terms = terms;
  }

  /** Resolves when all that was on record before the call is denied at the role, as far as IAM tells. */
  write(): Promise<Written> {
    this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      return this.#begin();
    });
    return this.#next;
  }

  /**
   * A write that leaves one document at most, without what is moot. Resolves when the others are gone as well, with how
   * much of what the role denied somebody had taken out since the last time: all of it is back.
   */
  async tidy(): Promise<number> {
    this.#thorough = true;
    await this.write();
    await this.#running;
    const undone = this.#undone;
    this.#undone = 0;
    return undone;
  }

  #begin(): Promise<Written> {
    const thorough = this.#thorough;
    this.#thorough = false;
    return new Promise((resolve, reject) => {
      this.#running = this.#underClaim(async (claim, seen) => {
        const round = await this.#round(claim, thorough, seen);
        if (typeof round === 'number' || round === undefined) return round;
        this.#compare(round);
        resolve(round.written);
        // What is said twice is a matter of room: the next write tries again.
        for (const name of round.drop) await this.#terms.policies.drop(this.#role, name).catch(() => {});
        return round;
      }).catch(reject);
    });
  }

  /** Again where the claim was overtaken (undefined), or where the role bears a fence that the store forgot (its number). */
  async #underClaim(
    write: (claim: WriteClaim, seen: number) => Promise<Round | number | undefined>,
  ): Promise<void> {
    const { store } = this.#terms;
    for (let seen = 0; ;) {
      const claim = await this.#claim(seen);
      try {
        const outcome = await write(claim, seen);
        if (typeof outcome === 'number') seen = outcome;
        else if (outcome !== undefined) return;
      } finally {
        await store.release(claim).catch(() => {});
      }
    }
  }

  async #claim(seen: number): Promise<WriteClaim> {
    const { store, pause } = this.#terms;
    for (let waited = 0; ; waited += CLAIM_POLL_MS) {
      const claim = await store.claim(this.#role, CLAIM_MS, seen);
      if (claim) return claim;
      if (waited >= CLAIM_PATIENCE_MS)
        throw new AwsFault('ERR_AWS_UNREACHABLE', `another broker does not let go of ${this.#role}`);
      await pause(CLAIM_POLL_MS * (0.5 + Math.random()));
    }
  }

  async #round(claim: WriteClaim, thorough: boolean, seen: number): Promise<Round | number | undefined> {
    const { policies, store, clock, onCutOff } = this.#terms;
    const [recorded, roleId, found] = await Promise.all([
      store.read(claim),
      policies.roleId(this.#role),
      policies.all(this.#role),
    ]);
    if (recorded === undefined) return undefined;
    const documents = documentsOf(found);
    const highest = Math.max(0, ...documents.ours.map(({ fence }) => fence));
    if (highest >= claim.fence && highest > seen) {
      await this.#adopt(claim, roleId, documents);
      return highest;
    }

    const answer = (state: DenyState): Written => ({
      roleId,
      found: documents.ours,
      ...(state.cutOff && { cutOff: state.cutOff }),
    });
    // Whoever had raised it may have died before those that it ended were known of.
    if (thorough && recorded.cutOff) onCutOff(this.#role, recorded.cutOff);
    const wanted = entriesOf(roleId, recorded);
    const named = entriesOf(roleId, { denied: recorded.denied });
    if (!thorough && denies(documents.ours, wanted))
      return { written: answer(recorded), there: wanted, drop: [] };
    const plan = planDenial(claim.fence, wanted, named, documents);
    if (plan) {
      await this.#carryOut(plan);
      return { written: answer(recorded), there: wanted, drop: plan.drop };
    }

    const cutOff = cutOffFor(recorded, clock.now());
    if (!(await store.raise(claim, cutOff))) return undefined;
    onCutOff(this.#role, cutOff);
    const state = { ...recorded, cutOff };
    const there = entriesOf(roleId, state);
    const least = planDenial(claim.fence, there, named, documents);
    if (!least)
      throw new AwsFault(
        'ERR_AWS_REFUSED',
        `inline policies of ${this.#role} leave no room to deny a session`,
      );
    await this.#carryOut(least);
    return { written: answer(state), there, drop: least.drop };
  }

  /** Counts what was there, had to stay, and was gone when we looked. */
  #compare({ written: { found }, there }: Round): void {
    const now = this.#terms.clock.now();
    const seen = new Map<string, number>();
    for (const entry of there) {
      const since = this.#seen.get(entry);
      const isGone = since !== undefined && !found.some((document) => document.entries.has(entry));
      if (isGone && now - since >= SETTLED_MS) this.#undone++;
      seen.set(entry, isGone ? now : (since ?? now));
    }
    this.#seen = seen;
  }

  /** A store that was restored knows nothing of what the role denies: none of that may come to life again. */
  async #adopt(claim: WriteClaim, roleId: string, { ours }: RoleDocuments): Promise<void> {
    const { store, clock } = this.#terms;
    const now = clock.now();
    const until = now + MAX_TTL_MS + CLOCK_SKEW_MS;
    const { sessions, before } = namedIn(roleId, ours);
    for (const session of sessions) await store.add(this.#role, { session, mintedBy: now, until });
    if (before !== undefined) await store.raise(claim, { before, until });
  }

  async #carryOut({ shrink, clear, put }: DenyPlan): Promise<void> {
    const { policies } = this.#terms;
    for (const policy of shrink) await policies.put(this.#role, policy);
    for (const name of clear) await policies.drop(this.#role, name);
    if (put) await this.#put(put);
  }

  /** Done only when IAM gives it back as it was meant. */
  async #put(policy: InlinePolicy): Promise<void> {
    const { policies, pause } = this.#terms;
    await policies.put(this.#role, policy);
    const meant = documentsOf([policy]).ours[0]!.entries;
    for (const ms of READ_BACK_MS) {
      if (ms > 0) await pause(ms);
      const back = await policies.one(this.#role, policy.name);
      if (back && denies(documentsOf([back]).ours, meant)) return;
    }
    throw new AwsFault(
      'ERR_AWS_ANSWER',
      `IAM does not give back ${policy.name} of ${this.#role} as it was put`,
    );
  }
}

/** After everything that is to be denied came to be, by whosever clock; it lasts until no session before it can be alive. */
function cutOffFor({ denied }: DenyState, now: number): CutOff {
  const latest = Math.max(now, ...denied.map(({ mintedBy }) => mintedBy)) + CLOCK_SKEW_MS;
  const before = Math.ceil(latest / SECOND_MS) * SECOND_MS;
  return { before, until: before + MAX_TTL_MS + CLOCK_SKEW_MS };
}
