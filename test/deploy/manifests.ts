// deploy/kubernetes as it reads, and the parts of it that tests ask about.
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { parse, parseAllDocuments } from 'yaml';

const MANIFESTS = 'deploy/kubernetes';

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
}

export type Labels = Readonly<Record<string, string>>;
export interface LabelSelector {
  readonly matchLabels?: Labels;
}
interface Peer {
  readonly namespaceSelector?: LabelSelector;
  readonly podSelector?: LabelSelector;
  readonly ipBlock?: { readonly cidr: string };
}
interface PolicyRule {
  readonly from?: readonly Peer[];
  readonly to?: readonly Peer[];
  readonly ports: readonly { readonly protocol: string; readonly port: string | number }[];
}
export interface NetworkPolicy extends Manifest {
  readonly spec: {
    readonly podSelector: LabelSelector;
    readonly policyTypes: readonly string[];
    readonly ingress?: readonly PolicyRule[];
    readonly egress?: readonly PolicyRule[];
  };
}

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}
interface Projection {
  readonly serviceAccountToken?: {
    readonly path: string;
    readonly audience?: string;
    readonly expirationSeconds: number;
  };
  readonly configMap?: { readonly items: readonly { readonly path: string }[] };
}
export interface Volume {
  readonly name: string;
  readonly configMap?: { readonly name: string };
  readonly secret?: {
    readonly secretName: string;
    readonly items?: readonly { readonly key: string; readonly path: string }[];
  };
  readonly projected?: { readonly sources: readonly Projection[] };
  readonly emptyDir?: object;
}
export interface PodSpec {
  readonly serviceAccountName: string;
  readonly automountServiceAccountToken: boolean;
  readonly terminationGracePeriodSeconds?: number;
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly topologySpreadConstraints?: readonly { readonly labelSelector: LabelSelector }[];
  readonly containers: readonly {
    readonly image: string;
    readonly args?: readonly string[];
    readonly env?: readonly { readonly name: string; readonly value?: string }[];
    readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
    readonly startupProbe?: Probe;
    readonly livenessProbe?: Probe;
    readonly readinessProbe?: Probe;
    readonly lifecycle?: { readonly preStop: { readonly exec: { readonly command: readonly string[] } } };
    readonly resources: Readonly<Record<'requests' | 'limits', Labels>>;
    readonly securityContext: Readonly<Record<string, unknown>>;
    readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  }[];
  readonly volumes: readonly Volume[];
}
export interface Workload extends Manifest {
  readonly spec: {
    readonly replicas?: number;
    readonly selector?: LabelSelector;
    readonly template: { readonly metadata: { readonly labels: Labels }; readonly spec: PodSpec };
  };
}
export interface Service extends Manifest {
  readonly spec: {
    readonly selector: Labels;
    readonly publishNotReadyAddresses?: boolean;
    readonly ports: readonly { readonly targetPort: string }[];
  };
}

export const kustomization = (): {
  resources: string[];
  images: { name: string; newTag: string }[];
} => parse(readFileSync(path.join(MANIFESTS, 'kustomization.yaml'), 'utf8'));

export const manifestFiles = (): string[] =>
  readdirSync(MANIFESTS).filter((name) => name.endsWith('.yaml') && name !== 'kustomization.yaml');

/** Read by YAML 1.1, as kubectl does: what is a text in one version of YAML only must not slip through. */
export const manifestsIn = (file: string): Manifest[] =>
  parseAllDocuments(readFileSync(path.join(MANIFESTS, file), 'utf8'), { version: '1.1' }).map(
    (document) => document.toJS() as Manifest,
  );

export const manifests = (): Manifest[] => manifestFiles().flatMap(manifestsIn);

/** @throws Error where there is none of them, or more than one */
export function only<Kind extends Manifest>(kind: string, name: string): Kind {
  const [found, ...others] = manifests().filter((each) => each.kind === kind && each.metadata.name === name);
  if (!found || others.length > 0) throw new Error(`one ${kind} ${name} is wanted`);
  return found as Kind;
}

/** Whether a selector picks what has these labels; an empty one picks everything. */
export const picks = ({ matchLabels = {} }: LabelSelector, labels: Labels = {}): boolean =>
  Object.entries(matchLabels).every(([name, value]) => labels[name] === value);
