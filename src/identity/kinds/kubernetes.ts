// Service-account tokens of a Kubernetes cluster, as kubelets project them into pods.
import { principalName } from '../../domain/ids.js';
import { Refusal } from '../../domain/refusal.js';
import { quoted } from '../../jws/quoted.js';
import type { KubernetesTrust } from '../trust.js';
import type { Claims, Workload } from './workload.js';

/** Where the cluster says what the token is bound to. */
const BINDING = 'kubernetes.io';
/** Tokens of before 1.21, kept in a Secret: for ever, for every audience, and for whoever reads the Secret. */
const LEGACY = 'kubernetes.io/serviceaccount/';
/** RFC 1123 labels: what a namespace is called, and the parts of other names. Nothing that looks like another one. */
const NAMESPACE = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const NAME = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;
/** A UUID today; in any case a name of the cluster's own making. */
const UID = /^[A-Za-z0-9-]{1,64}$/;

interface Bound {
  readonly name: string;
  /** Of a node that is not registered, the API server tells the name alone. All else has one. */
  readonly uid?: string;
}

/** The facts that rules may name: absent ones match no rule. */
export function kubernetesWorkload(
  trust: KubernetesTrust,
  subject: string,
  claims: Claims,
): Workload | Refusal {
  if (Object.keys(claims).some((claim) => claim.startsWith(LEGACY)))
    return new Refusal('claims_disagree', 'a token of the older kind, which lives in a Secret');
  const binding = claims[BINDING];
  if (binding === undefined) return new Refusal('claim_missing', BINDING);
  if (!isObject(binding)) return mistyped(BINDING);
  const { namespace } = binding;
  if (typeof namespace !== 'string' || !NAMESPACE.test(namespace)) return mistyped(`${BINDING}.namespace`);
  const account = boundTo(binding, 'serviceaccount');
  if (account === undefined) return new Refusal('claim_missing', `${BINDING}.serviceaccount`);
  const pod = boundTo(binding, 'pod');
  const node = boundTo(binding, 'node');
  for (const part of [account, pod, node]) if (part instanceof Refusal) return part;

  const { name: serviceAccount, uid } = account as Bound;
  // The one is what we call it by, the other what rules go by: they must be one workload.
  if (subject !== `system:serviceaccount:${namespace}:${serviceAccount}`) {
    return new Refusal('claims_disagree', `sub ${quoted(subject)} is not ${namespace}:${serviceAccount}`);
  }
  const podOf = pod as Bound | undefined;
  return {
    name: principalName(trust.name, subject),
    facts: {
      ...claims,
      namespace,
      service_account: serviceAccount,
      service_account_uid: uid,
      pod: podOf?.name,
      pod_uid: podOf?.uid,
      node: (node as Bound | undefined)?.name,
    },
    instances: podOf?.uid === undefined ? {} : { pod: podOf.uid },
  };
}

/** `{name, uid}`; undefined where the token is bound to no such thing. */
function boundTo(binding: Record<string, unknown>, what: string): Bound | Refusal | undefined {
  const bound = binding[what];
  if (bound === undefined) return undefined;
  if (!isObject(bound)) return mistyped(`${BINDING}.${what}`);
  const { name, uid } = bound;
  if (typeof name !== 'string' || !NAME.test(name)) return mistyped(`${BINDING}.${what}.name`);
  if (uid === undefined && what === 'node') return { name };
  if (typeof uid !== 'string' || !UID.test(uid)) return mistyped(`${BINDING}.${what}.uid`);
  return { name, uid };
}

const mistyped = (what: string): Refusal => new Refusal('claim_mistyped', what);

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
