// Whether we live, and whether we can do our work: two different questions. And the numbers, for who asks how well.
import type { Broker } from '../broker.js';
import type { Answer } from './answer.js';
import { ok } from './answer.js';
import type { Edge } from './call.js';

/** For operators and auditors, where there is no listener of their own. */
export async function metricsAnswer(edge: Pick<Edge, 'metricsPage'>): Promise<Answer> {
  const { type, text } = await edge.metricsPage();
  return { status: 200, body: text, headers: { 'content-type': type, 'cache-control': 'no-store' } };
}

/** 200 for as long as the event loop turns. */
export const healthAnswer = (): Answer => ok({ status: 'alive' });

/** 200 only where a write to the store succeeds now and there is a key to sign with; else 503 with what is wrong. */
export async function readinessAnswer(edge: Edge): Promise<Answer> {
  const ailment = await ailmentOf(edge);
  return ailment === undefined ? ok({ status: 'ready' }) : ok({ status: 'not ready', why: ailment }, 503);
}

export const isReady = async (edge: Pick<Edge, 'draining' | 'broker'>): Promise<boolean> =>
  (await ailmentOf(edge)) === undefined;

/** Anybody may ask, and every look writes to the store: one is good for all who ask so soon after it began. */
const LOOK_GOOD_FOR_MS = 100;
const looks = new WeakMap<
  Broker['store'],
  { readonly at: number; readonly ailment: Promise<string | undefined> }
>();

async function ailmentOf({
  draining,
  broker: { store, keys },
}: Pick<Edge, 'draining' | 'broker'>): Promise<string | undefined> {
  if (draining()) return 'shutting down';
  const now = performance.now();
  let look = looks.get(store);
  if (!look || now - look.at > LOOK_GOOD_FOR_MS) {
    look = { at: now, ailment: store.ailment() };
    looks.set(store, look);
  }
  return (await look.ailment) ?? (keys.isEmpty ? 'no key to sign with' : undefined);
}
