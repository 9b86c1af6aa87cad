// Counts what a kill has left to be killed at targets: a look at the broker, of bounded cost.
import { type CallOptions, type LeaseView, type MayflyClient, MayflyError } from '../sdk/client/index.js';
import type { SelectorView } from '../wire/revocations.js';
import type { Unsettled } from './settling.js';

const PAGE = 200;
const MOST_PAGES = 5;

export interface Look {
  /** For how many of them a target has still to answer. */
  readonly unsettled: (call?: CallOptions) => Promise<Unsettled>;
  /** How many a target will not let go of; asked once, in the end. */
  readonly irrevocable: () => Promise<number>;
  /** The command that lists those. */
  readonly whereToLook: string;
}

/** A task and all below it, by the counts of its tasks: as its orchestrator may see them. */
export function ofTree(client: MayflyClient, task: string): Look {
  const count = async (state: 'revoking' | 'irrevocable', call: CallOptions = {}) => {
    let sum = 0;
    let tasks = 0;
    for await (const { leases } of client.eachTask({ tree: task, limit: PAGE }, call)) {
      sum += leases?.[state] ?? 0;
      if (++tasks === PAGE * MOST_PAGES) return { left: sum, atLeast: true };
    }
    return { left: sum, atLeast: false };
  };
  return {
    unsettled: (call) => count('revoking', call),
    irrevocable: async () => (await count('irrevocable')).left,
    whereToLook: `mayfly lease list --task ${task} --state irrevocable`,
  };
}

/** What a selector named, by the leases themselves: as operators may see them. */
export function ofSelector(client: MayflyClient, select: SelectorView, killedAt: string): Look {
  if ('task' in select) return ofTree(client, select.task);
  const named = namedBy(select);
  const filter = 'agent' in select ? { agent: select.agent } : 'tool' in select ? { tool: select.tool } : {};
  const count = async (
    state: 'revoking' | 'irrevocable',
    call: CallOptions = {},
    since = '',
  ): Promise<Unsettled> => {
    if ('lease' in select)
      return { left: (await stateOf(client, select.lease, call)) === state ? 1 : 0, atLeast: false };
    return countLeases(
      client.eachLease({ ...filter, state, limit: PAGE }, call),
      (ended) => named(ended) && ended.at >= since,
    );
  };
  const option = Object.entries(filter)
    .map(([name, value]) => ` --${name} ${value}`)
    .join('');
  return {
    unsettled: (call) => count('revoking', call),
    irrevocable: async () => (await count('irrevocable', {}, killedAt)).left,
    whereToLook: `mayfly lease list${option} --state irrevocable`,
  };
}

interface Ending {
  readonly at: string;
  readonly cause: string;
  readonly name?: string;
}

/** No list is filtered by trust or key: which of all it is, the lease itself says. */
function namedBy(select: SelectorView): (ended: Ending) => boolean {
  const [[kind, name] = []] = Object.entries(select);
  if (kind !== 'trust' && kind !== 'key') return () => true;
  return (ended) => ended.cause === kind && ended.name === name;
}

async function countLeases(
  leases: AsyncIterable<LeaseView>,
  counts: (ended: Ending) => boolean,
): Promise<Unsettled> {
  let left = 0;
  let seen = 0;
  for await (const { ended } of leases) {
    if (ended === undefined || counts(ended)) left++;
    if (++seen === PAGE * MOST_PAGES) return { left, atLeast: true };
  }
  return { left, atLeast: false };
}

/** A lease that is forgotten has settled. */
async function stateOf(client: MayflyClient, lease: string, call: CallOptions): Promise<string | undefined> {
  try {
    return (await client.readLease(lease, call)).state;
  } catch (error) {
    if (error instanceof MayflyError && error.code === 'ERR_NOT_FOUND') return undefined;
    throw error;
  }
}
