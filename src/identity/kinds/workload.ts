// What a checked token makes of its bearer: name, facts for rules, instance.
import type { PrincipalName } from '../../domain/ids.js';
import type { InstanceKind } from '../../domain/principal.js';
import type { OwnRun } from '../../domain/run.js';

export type Claims = Readonly<Record<string, unknown>>;

export interface Workload {
  readonly name: PrincipalName;
  /** What role rules look at: the claims, and what the kind reads out of them, under names that no claim can take. */
  readonly facts: Claims;
  readonly instances: Readonly<Partial<Record<InstanceKind, string>>>;
  readonly run?: OwnRun;
}
