// What every use case works with: the ports, and the settings in force.
import type { Clock } from './domain/clock.js';
import type { LeaseId, TaskId } from './domain/ids.js';
import type { Catalogue } from './domain/tool.js';
import type { KeyRing } from './keys/key-ring.js';
import type { Limits } from './limits/limits.js';
import type { Minter } from './minters/minter.js';
import type { Targets } from './minters/targets.js';
import type { Policy } from './policy/policy.js';
import type { Store } from './store/store.js';

/** Swapped as a whole when the configuration is read again: take it once per request. */
export interface Rules {
  readonly catalogue: Catalogue;
  readonly policy: Policy;
  /** How the tasks of runs are called, which open by themselves: nobody else may open one of such a name. */
  readonly runPrefixes: readonly string[];
}

/** What the sweeper is told of: what a close or a kill has just ended, or when something falls due. */
export type Work = { readonly ended: TaskId | LeaseId } | { readonly by: number };

export interface Broker {
  readonly issuer: string;
  readonly store: Store;
  readonly clock: Clock;
  readonly keys: KeyRing;
  /** By kind of credential. */
  readonly minters: ReadonlyMap<string, Minter>;
  /** The lanes to what those make credentials at. */
  readonly targets: Targets;
  readonly maxTaskTtlMs: number;
  /** Whether the credentials that we sign stand in status lists. */
  readonly listed: boolean;
  /** Never asked before a kill. */
  readonly limits: Limits;
  /** The rules in force now. */
  rules(): Rules;
  /** Tells the sweeper that there is work; of whatever kind where nothing more is said. */
  wake(work?: Work): void;
  /** Something went wrong beside a request that is answered all the same: for whoever runs this. */
  report(error: unknown, what: string): void;
}
