// Random stories of denials, told to a store and to a model of what its port promises: both answer the same at every step.
import { expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import type { Clock } from '../../../src/domain/clock.js';
import { DAY_MS, MINUTE_MS, SECOND_MS } from '../../../src/domain/duration.js';
import type {
  CutOff,
  Denied,
  DenyState,
  DenyStore,
  Seat,
  WriteClaim,
} from '../../../src/store/deny-store.js';
import { TERMS } from './harness.js';
import type { Scene } from './scene.js';

const CLAIM_MS = 20 * SECOND_MS;

interface Role {
  readonly denied: Map<string, Denied>;
  cutOff: CutOff;
  fence: number;
  claimedUntil: number;
}

/** As plain as it can be: one broker, no crash, nothing lost. */
class DenialModel {
  readonly #clock: Clock;
  readonly #roles = new Map<string, Role>();
  readonly #seats = new Map<string, Seat & { readonly role: string }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  seat(seat: Seat, roles: readonly string[], most: number): string | undefined {
    const given = this.#seats.get(seat.session);
    if (given) return given.role;
    const now = this.#clock.now();
    const taken = (role: string): number =>
      [...this.#seats.values()].filter((other) => other.role === role && other.until > now).length;
    const [role] = roles
      .filter((name) => taken(name) < most && this.#role(name).cutOff.before <= now)
      .toSorted((one, other) => taken(one) - taken(other));
    if (role !== undefined) this.#seats.set(seat.session, { ...seat, role });
    return role;
  }

  seatOf(session: string): string | undefined {
    return this.#seats.get(session)?.role;
  }

  unseat(session: string): void {
    this.#seats.delete(session);
  }

  add(role: string, { session, mintedBy, until }: Denied): void {
    const before = this.#role(role).denied.get(session);
    this.#role(role).denied.set(session, {
      session,
      mintedBy: Math.max(mintedBy, before?.mintedBy ?? 0),
      until: Math.max(until, before?.until ?? 0),
    });
  }

  claim(name: string, forMs: number, seen: number): WriteClaim | undefined {
    const role = this.#role(name);
    const now = this.#clock.now();
    if (role.claimedUntil > now) return undefined;
    role.fence = Math.max(role.fence, seen) + 1;
    role.claimedUntil = now + forMs;
    return { role: name, fence: role.fence };
  }

  read(claim: WriteClaim): DenyState | undefined {
    const role = this.#held(claim);
    if (!role) return undefined;
    const now = this.#clock.now();
    const { cutOff } = role;
    const denied = [...role.denied.values()].filter(({ until }) => until > now);
    return { denied, ...(cutOff.until > now && { cutOff }) };
  }

  raise(claim: WriteClaim, { before, until }: CutOff): boolean {
    const role = this.#held(claim);
    if (!role) return false;
    const { cutOff } = role;
    role.cutOff = { before: Math.max(before, cutOff.before), until: Math.max(until, cutOff.until) };
    return true;
  }

  release(claim: WriteClaim): void {
    const role = this.#held(claim);
    if (role) role.claimedUntil = 0;
  }

  sweep(): void {
    const now = this.#clock.now();
    for (const { denied } of this.#roles.values())
      for (const [session, { until }] of denied) if (until <= now) denied.delete(session);
    for (const [session, { until }] of this.#seats)
      if (until + TERMS.retention.leaseMs <= now) this.#seats.delete(session);
  }

  #held({ role: name, fence }: WriteClaim): Role | undefined {
    const role = this.#role(name);
    return role.fence === fence ? role : undefined;
  }

  #role(name: string): Role {
    let role = this.#roles.get(name);
    if (!role)
      this.#roles.set(
        name,
        (role = { denied: new Map(), cutOff: { before: 0, until: 0 }, fence: 0, claimedUntil: 0 }),
      );
    return role;
  }
}

/** What a step does, to either of the two. */
type Call = (of: DenyStore | DenialModel, now: number, claims: readonly WriteClaim[]) => unknown;
type Step =
  | { readonly name: string; readonly call: Call }
  | { readonly name: 'claim'; readonly role: string; readonly forMs: number; readonly seen: number }
  | { readonly name: 'sweep' | 'crash' }
  | { readonly name: 'advance'; readonly ms: number };

const role = fc.constantFrom('a', 'b', 'c');
const session = fc.constantFrom('s1', 's2', 's3', 's4', 's5');
const ms = fc.constantFrom(0, 1, SECOND_MS, MINUTE_MS, DAY_MS);
const claimIn = (claims: readonly WriteClaim[], n: number): WriteClaim =>
  claims[claims.length - 1 - (n % claims.length)] ?? { role: 'a', fence: 7 };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ session, roles: fc.shuffledSubarray(['a', 'b', 'c']), most: fc.nat(2), ms }).map((given) => ({
    name: `seat ${JSON.stringify(given)}`,
    call: ((of, now) =>
      of.seat({ session: given.session, until: now + given.ms }, given.roles, given.most)) satisfies Call,
  })),
  session.map((name) => ({
    name: `seat of ${name}`,
    call: ((of) => of.seatOf(name)) satisfies Call,
  })),
  session.map((name) => ({ name: `unseat ${name}`, call: ((of) => of.unseat(name)) satisfies Call })),
  fc.tuple(role, session, ms, ms).map(([name, of, mintedBy, until]) => ({
    name: `add ${name} ${of} ${mintedBy} ${until}`,
    call: ((to, now) =>
      to.add(name, { session: of, mintedBy: now + mintedBy, until: now + until })) satisfies Call,
  })),
  fc
    .record({ role, forMs: fc.constantFrom(1, CLAIM_MS), seen: fc.constantFrom(0, 0, 0, 3, 40) })
    .map((given) => ({
      name: 'claim' as const,
      ...given,
    })),
  fc.nat(2).map((n) => ({
    name: `read ${n}`,
    call: ((of, _now, claims) => of.read(claimIn(claims, n))) satisfies Call,
  })),
  fc.tuple(fc.nat(2), ms, ms).map(([n, before, until]) => ({
    name: `raise ${n} ${before} ${until}`,
    call: ((of, now, claims) =>
      of.raise(claimIn(claims, n), { before: now + before, until: now + before + until })) satisfies Call,
  })),
  fc.nat(2).map((n) => ({
    name: `release ${n}`,
    call: ((of, _now, claims) => of.release(claimIn(claims, n))) satisfies Call,
  })),
  fc.constantFrom<Step>({ name: 'sweep' }, { name: 'crash' }),
  ms.map((by) => ({ name: 'advance' as const, ms: by })),
);

/** The order of sessions is nobody's promise. */
const sorted = (answer: unknown): unknown =>
  answer && typeof answer === 'object' && 'denied' in answer
    ? {
        ...answer,
        denied: (answer as DenyState).denied.toSorted((one, other) => (one.session < other.session ? -1 : 1)),
      }
    : answer;

async function tell(scene: Scene, steps: readonly Step[]): Promise<void> {
  const model = new DenialModel(scene.clock);
  const claims: WriteClaim[] = [];
  for (const one of steps) {
    const { denials } = scene.store;
    const now = scene.clock.now();
    if ('call' in one) {
      const promised = one.call(model, now, claims);
      expect([one.name, sorted(await one.call(denials, now, claims))]).toEqual([one.name, sorted(promised)]);
    } else if ('seen' in one) {
      const promised = model.claim(one.role, one.forMs, one.seen);
      expect(await denials.claim(one.role, one.forMs, one.seen)).toEqual(promised);
      if (promised) claims.push(promised);
    } else if ('ms' in one) {
      scene.clock.advance(one.ms);
    } else if (one.name === 'crash') {
      await scene.crash();
      // Whether a claim is left of it is not promised, for as long as it would have lasted.
      scene.clock.advance(CLAIM_MS);
    } else {
      await scene.sweep();
      model.sweep();
    }
  }
}

export function tellDenials(begin: () => Promise<Scene>, stories: number): void {
  it('answer as promised, whatever is done in whatever order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 50 }), async (steps) =>
        tell(await begin(), steps),
      ),
      { numRuns: stories },
    );
  });
}
