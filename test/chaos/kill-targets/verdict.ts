// Counted at the target: whatever can be used has a live lease, and what callers were told is dead opens nothing.
import type { LeaseId } from '../../../src/domain/ids.js';
import type { LeaseState } from '../../../src/domain/lease.js';
import type { LeaseList, LeaseView } from '../../../src/wire/leases.js';
import type { BrokerClient } from '../../fixtures/broker-client.js';
import { crew } from '../../fixtures/crew.js';
import { until } from '../../fixtures/until.js';
import type { Ledger } from '../ledger.js';
import type { Scene } from './blow.js';
import type { Target } from './target.js';

const HANDS = 8;
const PAGE = 200;
/** A mint of a broker that is dead is waited for until it can no longer come to be, and a kill may come after others. */
const CLEAN_WITHIN_MS = 90_000;
const SETTLED: ReadonlySet<string> = new Set<LeaseState>(['revoked', 'expired', 'irrevocable']);

async function leasesIn(broker: BrokerClient, state?: LeaseState): Promise<LeaseView[]> {
  const leases: LeaseView[] = [];
  const query = new URLSearchParams({ limit: String(PAGE), ...(state !== undefined && { state }) });
  for (;;) {
    const { body } = await broker.get<LeaseList>(`/v1/leases?${query.toString()}`, 'operator');
    leases.push(...body.leases);
    if (body.next === undefined) return leases;
    query.set('after', body.next);
  }
}

/** How many are on record, whatever became of them. */
export const leasesOf = async (broker: BrokerClient): Promise<number> => (await leasesIn(broker)).length;

/** At every moment, also before anything has been swept up: who is alive is on record, and not as dead. */
export async function nothingBeyondRecord(
  target: Target,
  broker: BrokerClient,
  ledger: Ledger,
): Promise<void> {
  await crew(HANDS, await target.alive(false), async (id) => {
    const { status, body } = await broker.get<LeaseView>(`/v1/leases/${id}`, 'operator');
    if (status === 200 && !SETTLED.has(body.state)) return;
    // It may have been killed after we had looked.
    if ((await target.alive(false)).has(id))
      ledger.wrong.push(`${id} can be used, and is ${status === 200 ? body.state : 'not on record'}`);
  });
}

/** Resolves when nothing is due or under way any more, with how long that took. */
export async function clean(broker: BrokerClient): Promise<number> {
  const began = performance.now();
  await until(
    'no lease is reserved or about to be killed',
    async () =>
      (await leasesIn(broker, 'reserved')).length + (await leasesIn(broker, 'revoking')).length === 0,
    { withinMs: CLEAN_WITHIN_MS, everyMs: 50 },
  );
  return performance.now() - began;
}

/** Once it is clean, of all that was handed out since `since`. Answers how many can be used. */
export async function examine({ target, broker, ledger, borrowers }: Scene, since: number): Promise<number> {
  const active = new Set((await leasesIn(broker, 'active')).map(({ id }) => id as LeaseId));
  const alive = await target.alive(since === 0);
  for (const id of alive) if (!active.has(id)) ledger.wrong.push(`${id} can be used without a live lease`);
  for (const id of active) if (!alive.has(id)) ledger.wrong.push(`${id} is active and cannot be used`);
  for (const what of await target.remains()) ledger.wrong.push(`left at the target: ${what}`);
  for (const { id } of await leasesIn(broker, 'irrevocable')) ledger.wrong.push(`${id} is irrevocable`);
  await crew(HANDS, ledger.held.slice(since), async (one) => {
    const { lease, tokens, dead } = one;
    ledger.counts.looked++;
    const lives = borrowers.isSure(one) ? !dead : active.has(lease as LeaseId);
    if ((await target.opens(tokens[0]!)) !== lives)
      ledger.wrong.push(
        `${lease} ${lives ? 'was handed out and opens nothing' : 'opens something after its end'}`,
      );
  });
  return alive.size;
}
