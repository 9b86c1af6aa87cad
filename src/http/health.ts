// Whether we live, and whether we can do our work: two different questions.
import type { Answer } from './answer.js';
import { ok } from './answer.js';
import type { Edge } from './call.js';

/** 200 for as long as the event loop turns. */
export const healthAnswer = (): Answer => ok({ status: 'alive' });

/** 200 only where a write to the store succeeds now and there is a key to sign with; else 503 with what is wrong. */
export async function readinessAnswer(edge: Edge): Promise<Answer> {
  const ailment = edge.draining()
    ? 'shutting down'
    : ((await edge.broker.store.ailment()) ?? (edge.broker.keys.isEmpty ? 'no key to sign with' : undefined));
  return ailment === undefined ? ok({ status: 'ready' }) : ok({ status: 'not ready', why: ailment }, 503);
}
