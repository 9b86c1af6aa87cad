// What a new lease is bound to: the key that was proven, and the instance, where the task binds one.
import type { ProvenKey, VerifiedPrincipal } from '../domain/principal.js';
import { Refusal } from '../domain/refusal.js';
import type { InstanceBinding, Task } from '../domain/task.js';
import type { LeaseRequest } from '../store/store.js';

export type Binding = Pick<LeaseRequest, 'jkt' | 'instance' | 'bindsInstance'>;

const UNBOUND: Binding = {};

/** Each agent has pods and keys of its own; the jobs of a run have different names, and are of one run all the same. */
const OWNERS = {
  pod: 'of_agent',
  key: 'of_agent',
  run: 'of_tree',
} as const satisfies Record<InstanceBinding['kind'], LeaseRequest['bindsInstance']>;

/** The same agent may run many times: whose token was copied from one pod to another is not the one that began. */
export function bindingOf(
  { manifest: { instance } }: Pick<Task, 'manifest'>,
  agent: VerifiedPrincipal,
  key: ProvenKey | undefined,
): Binding | Refusal {
  if (instance === undefined) return key === undefined ? UNBOUND : { jkt: key };
  const found = instanceOf(instance.kind, agent, key);
  if (found === undefined || (instance.id !== undefined && instance.id !== found)) {
    return new Refusal(
      'instance_mismatch',
      `${instance.kind} ${found ?? 'not told'}, bound to ${of(instance)}`,
    );
  }
  return {
    ...(key !== undefined && { jkt: key }),
    instance: `${instance.kind}:${found}`,
    ...(instance.id === undefined && { bindsInstance: OWNERS[instance.kind] }),
  };
}

/** Whether it is the instance that the lease was issued to. */
export function sameInstance(
  held: string,
  agent: VerifiedPrincipal,
  key: ProvenKey | undefined,
): Refusal | undefined {
  const cut = held.indexOf(':');
  const kind = held.slice(0, cut) as InstanceBinding['kind'];
  const found = instanceOf(kind, agent, key);
  return found === held.slice(cut + 1)
    ? undefined
    : new Refusal('instance_mismatch', `${kind} ${found ?? 'not told'}, the lease is of ${held}`);
}

/** A key is an instance only where it was proven now; everything else the verified token says. */
const instanceOf = (
  kind: InstanceBinding['kind'],
  agent: VerifiedPrincipal,
  key: ProvenKey | undefined,
): string | undefined => (kind === 'key' ? key : agent.instances[kind]);

const of = ({ id }: InstanceBinding): string => id ?? 'the first that comes';
