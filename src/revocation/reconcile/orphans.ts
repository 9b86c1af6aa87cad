// Kills credentials that have no live lease, in the lane of their target, a few at a time.
import { MAX_TTL_MS } from '../../domain/tool.js';
import { SECOND_MS } from '../../domain/duration.js';
import { leaseTime } from '../../domain/ids.js';
import type { ExternalMinter, Killable } from '../../minters/minter.js';
import type { Targets } from '../../minters/targets.js';
import { PutOff } from '../../minters/targets.js';
import type { Orphan } from './drift.js';

/** Of the places and connections that a target has for kills, most are left to those that end a live lease. */
const MOST_AT_ONCE = 4;
/** A target that has not answered by then has not let go. */
const ATTEMPT_MS = 15 * SECOND_MS;

export interface OrphanKills {
  readonly tool: string;
  readonly minter: ExternalMinter;
  readonly targets: Targets;
  /** Whether another kill may begin: those that do not are for the next time. */
  mayBegin(): boolean;
  /** What came of a kill: where it failed, why. Not of one that its target has only accepted: the next time tells. */
  came(orphan: Orphan, error?: string): Promise<void>;
}

/** One that cannot be killed keeps no other waiting, and what is thrown is told of that one alone. */
export async function killOrphans(orphans: readonly Orphan[], kills: OrphanKills): Promise<void> {
  const left = orphans.values();
  const killer = async (): Promise<void> => {
    for (const orphan of left) {
      if (!kills.mayBegin()) return;
      const came = await kill(orphan, kills);
      if (came !== ACCEPTED) await kills.came(orphan, came);
    }
  };
  await Promise.all(Array.from({ length: MOST_AT_ONCE }, killer));
}

const ACCEPTED = Symbol('its target has the order');

async function kill(
  orphan: Orphan,
  { tool, minter, targets }: OrphanKills,
): Promise<string | typeof ACCEPTED | undefined> {
  const place = await targets.placeForKill(tool);
  if (place instanceof PutOff) return 'nothing is asked of its target now';
  try {
    const revoke = () => minter.revoke(killable(orphan, tool));
    return (await place.work(orphan.id, ATTEMPT_MS, revoke)) ? ACCEPTED : undefined;
  } catch (cause) {
    return cause instanceof Error ? cause.message : String(cause);
  } finally {
    place.leave();
  }
}

/** Nothing else is on record of it: when it came to be stands in its name, and no credential lives longer than that. */
function killable({ id, lease }: Orphan, tool: string): Killable {
  const issuedAt = leaseTime(id);
  return { id, tool, issuedAt, expiresAt: lease?.expiresAt ?? issuedAt + MAX_TTL_MS };
}
