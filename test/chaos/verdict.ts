// After a crash and what followed: whether the brokers say what callers were told before it.
import type { BrokerClient } from '../fixtures/broker-client.js';
import { crew } from '../fixtures/crew.js';
import { oneOf } from '../fixtures/random.js';
import type { Ledger } from './ledger.js';

const HANDS = 8;
/** Looked at again in every round, beside all of the round before. */
const OLD_ONES = 30;

/** How far the ledger had come when it was looked at last. */
export interface Mark {
  readonly held: number;
  readonly opened: number;
}
export const START: Mark = { held: 0, opened: 0 };

export interface Question {
  readonly broker: () => BrokerClient;
  readonly since: Mark;
  readonly random: () => number;
  /** A failover may lose what was issued and opened last, never an end: what is not on record is no more than dead. */
  readonly mayForget?: boolean;
}

/** All since `since`, and some of what is older. What is wrong goes into the ledger; answers the mark of now. */
export async function examine(
  ledger: Ledger,
  { broker, since, random, mayForget = false }: Question,
): Promise<Mark & { readonly forgotten: number }> {
  const mark = { held: ledger.held.length, opened: ledger.opened.size };
  let forgotten = 0;
  const missing = (what: string): void => {
    if (mayForget) forgotten++;
    else ledger.wrong.push(what);
  };
  const old = Array.from({ length: OLD_ONES }, () => oneOf(random, ledger.held)).filter(Boolean);
  await crew(HANDS, new Set([...ledger.held.slice(since.held), ...old]), async (one) => {
    const wasDead = one.dead;
    const [{ status, body }] = await Promise.all([
      broker().get<{ state: string }>(`/v1/leases/${one.lease}`, 'operator'),
      ledger.look(broker(), one),
    ]);
    if (status !== 200) missing(`${one.lease} was handed out and is not on record`);
    else if (wasDead && body.state === 'active') ledger.wrong.push(`${one.lease} came back from the dead`);
  });
  await crew(HANDS, [...ledger.opened].slice(since.opened), async ([id, { closed }]) => {
    const { status, body } = await broker().get<{ state: string }>(`/v1/tasks/${id}`, 'planner');
    if (status !== 200) missing(`${id} was opened and is not there`);
    else if (closed && body.state === 'open') ledger.wrong.push(`${id} was closed and is open`);
  });
  return { ...mark, forgotten };
}
