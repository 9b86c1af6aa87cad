// Whether we live, and whether we can do our work: two different questions. And the numbers, for who asks how well.
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

async function ailmentOf({
  draining,
  broker,
}: Pick<Edge, 'draining' | 'broker'>): Promise<string | undefined> {
  if (draining()) return 'shutting down';
  return (await broker.store.ailment()) ?? (broker.keys.isEmpty ? 'no key to sign with' : undefined);
}
