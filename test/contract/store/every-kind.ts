// Leases that differ in everything a selector can name, and which of them are dead.
import type { LeaseId, PrincipalName } from '../../../src/domain/ids.js';
import type { Scene } from './scene.js';
import { AGENT, OTHER_AGENT } from './scene.js';

/** The keys say what they are. */
export async function openLeases(scene: Scene): Promise<Record<string, LeaseId>> {
  for (const id of ['run-4', 'run-4.a', 'run-42']) await scene.task(id);
  const leases = {
    plain: await scene.issue('run-4'),
    below: await scene.issue('run-4.a'),
    beside: await scene.issue('run-42'),
    other: await scene.issue('run-42', { agent: OTHER_AGENT }),
    delegated: await scene.issue('run-42', {
      agent: OTHER_AGENT,
      actors: ['cluster/first' as PrincipalName, AGENT],
    }),
    tool: await scene.issue('run-42', { tool: 'mail', agent: OTHER_AGENT }),
    trust: await scene.issue('run-42', { trust: 'github', agent: OTHER_AGENT }),
    key: await scene.issue('run-42', { keyId: 'key-2', agent: OTHER_AGENT }),
    external: await scene.external('run-42', { agent: OTHER_AGENT }),
    minting: await scene.reserve('run-42', { agent: OTHER_AGENT }),
  };
  return Object.fromEntries(Object.entries(leases).map(([name, { id }]) => [name, id]));
}

export async function deadAmong(scene: Scene, leases: Record<string, LeaseId>): Promise<string[]> {
  const dead: string[] = [];
  for (const [name, id] of Object.entries(leases)) {
    const state = await scene.standing(id);
    if (state !== 'active' && state !== 'reserved') dead.push(name);
  }
  return dead.toSorted();
}

export const EVERYTHING = [
  'below',
  'beside',
  'delegated',
  'external',
  'key',
  'minting',
  'other',
  'plain',
  'tool',
  'trust',
];
