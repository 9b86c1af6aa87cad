// deploy/kubernetes: manifests that the API server would take, that fit together, and a configuration that a broker takes.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { makeCertificates } from '../fixtures/redis/certificates.js';
import {
  type Labels,
  type Manifest,
  type NetworkPolicy,
  type PodSpec,
  type Service,
  type Volume,
  type Workload,
  kustomization,
  manifestFiles,
  manifests,
  manifestsIn,
  only,
  picks,
} from './manifests.js';

const folder = mkdtempSync(path.join(tmpdir(), 'mayfly-kubernetes-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const deployment = only<Workload>('Deployment', 'mayfly');
const pod = deployment.spec.template.spec;
const [container] = pod.containers;
const brokerLabels: Labels = deployment.spec.template.metadata.labels;
const agent = only<Workload>('Job', 'agent-letters');
const pods: readonly (readonly [string, PodSpec])[] = [
  ['brokers', pod],
  ['example agent', agent.spec.template.spec],
];

const configMap = only<Manifest & { data: Record<string, string> }>('ConfigMap', 'mayfly');
const written = configMap.data['mayfly.yaml']!;
interface Configuration {
  issuer: string;
  listen: string;
  metrics: { listen: string };
  operations: { listen: string };
  store: { url: string };
  trust: { audience: string; roles: Record<string, object> }[];
  http?: { drain_timeout?: string };
}
const configuration = parse(written) as Configuration;
const portOf = (address: string): number => Number(/:(\d+)$/.exec(address)![1]);

/** Where Kubernetes' own description of a kind is: the group's first part stands for it in the package's folders. */
const describedBy = ({ apiVersion, kind }: Manifest): string => `kubernetes-models/${apiVersion}/${kind}`;

describe('the manifests', () => {
  test('are all applied by kustomize, but for the example', () => {
    expect(kustomization().resources.toSorted()).toEqual(
      manifestFiles()
        .filter((name) => name !== 'example-agent.yaml')
        .toSorted(),
    );
  });

  test.each(manifests().map((each) => [`${each.kind} ${each.metadata.name}`, each] as const))(
    '%s is what the API server takes',
    async (_name, manifest) => {
      type Model = new (data: object) => { validate(): void };
      const models = (await import(describedBy(manifest))) as Record<string, Model>;
      expect(() => new models[manifest.kind]!(manifest).validate()).not.toThrow();
    },
  );

  test('have no field that Kubernetes does not know: such a one would do nothing, without a word', () => {
    symlinkSync(path.resolve('node_modules'), path.join(folder, 'node_modules'));
    const typed = (name: string, list: readonly Manifest[]): string => {
      const file = path.join(folder, name);
      const lines = list.map(
        (each, index) =>
          `import type { I${each.kind} as Kind${index} } from '${path.posix.dirname(describedBy(each))}';\n` +
          `export const manifest${index}: Kind${index} = ${JSON.stringify(each)};\n`,
      );
      writeFileSync(file, lines.join(''));
      return file;
    };
    const check = (file: string): { status: number | null; stdout: string } =>
      spawnSync(
        process.execPath,
        [
          path.resolve('node_modules/.bin/tsc'),
          ...'--noEmit --strict --skipLibCheck --module nodenext --target es2023'.split(' '),
          file,
        ],
        { cwd: folder, encoding: 'utf8' },
      );
    const good = check(typed('good.mts', manifests()));
    expect([good.status, good.stdout]).toEqual([0, '']);
    const misspelt = JSON.parse(
      JSON.stringify(deployment).replace('"readinessProbe"', '"readynessProbe"'),
    ) as Manifest;
    expect(check(typed('misspelt.mts', [misspelt])).stdout).toContain('readynessProbe');
  });

  test('live in one namespace, and hold no secret', () => {
    for (const { kind, metadata } of kustomization().resources.flatMap(manifestsIn)) {
      expect(kind).not.toBe('Secret');
      if (!['Namespace', 'ClusterRoleBinding'].includes(kind)) expect(metadata.namespace).toBe('mayfly');
    }
    for (const [, { containers }] of pods)
      for (const { name, value } of containers.flatMap(({ env = [] }) => env))
        expect([name, value]).toEqual([name, expect.stringMatching(/^(\/|https:\/\/)/)]);
  });

  test('run the version that this is', () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(kustomization().images).toEqual([{ name: 'mayfly', newTag: version }]);
    for (const [, { containers }] of pods)
      expect(containers.map(({ image }) => image)).toEqual([`mayfly:${version}`]);
  });
});

describe.each(pods)('a pod of the %s', (_name, spec) => {
  test('is held to the strictest standard: no root, no rights, nothing to write to, no token that it does not need', () => {
    expect(spec.automountServiceAccountToken).toBe(false);
    expect(spec.securityContext).toMatchObject({
      runAsNonRoot: true,
      runAsUser: 1000,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    for (const { securityContext, resources } of spec.containers) {
      expect(securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      expect([resources.requests['memory'], resources.limits['memory']]).not.toContain(undefined);
    }
  });

  test('mounts what is there, and is there as somebody', () => {
    const mounted = spec.containers.flatMap(({ volumeMounts }) => volumeMounts.map(({ name }) => name));
    expect(mounted.toSorted()).toEqual(spec.volumes.map(({ name }) => name).toSorted());
    expect(() => only('ServiceAccount', spec.serviceAccountName)).not.toThrow();
  });
});

describe('the brokers', () => {
  test('are two, kept apart, and one of them always stands', () => {
    expect(deployment.spec.replicas).toBe(2);
    const budget = only<Manifest & { spec: { minAvailable: number; selector: object } }>(
      'PodDisruptionBudget',
      'mayfly',
    );
    expect(budget.spec.minAvailable).toBe(1);
    const selectors = [
      deployment.spec.selector!,
      budget.spec.selector,
      ...pod.topologySpreadConstraints!.map(({ labelSelector }) => labelSelector),
    ];
    expect(pod.topologySpreadConstraints).toHaveLength(2);
    for (const selector of selectors) expect(selector).toEqual({ matchLabels: brokerLabels });
  });

  test('listen where the Services and the probes go', () => {
    const ports = Object.fromEntries(
      container!.ports!.map(({ name, containerPort }) => [name, containerPort]),
    );
    expect(ports).toEqual({
      https: portOf(configuration.listen),
      operations: portOf(configuration.operations.listen),
      metrics: portOf(configuration.metrics.listen),
    });
    for (const service of manifests().filter(({ kind }) => kind === 'Service') as Service[]) {
      expect(picks({ matchLabels: service.spec.selector }, brokerLabels)).toBe(true);
      for (const { targetPort } of service.spec.ports) expect(Object.keys(ports)).toContain(targetPort);
    }
    const { startupProbe, livenessProbe, readinessProbe } = container!;
    // A broker without its store is not ready, and must not be restarted for it.
    expect([startupProbe, livenessProbe, readinessProbe].map((probe) => probe!.httpGet)).toEqual([
      { path: '/healthz', port: 'metrics' },
      { path: '/healthz', port: 'metrics' },
      { path: '/readyz', port: 'metrics' },
    ]);
  });

  test('can be told to kill while none of them is ready', () => {
    const kills = only<Service>('Service', 'mayfly-kills');
    expect(kills.spec.publishNotReadyAddresses).toBe(true);
    expect(kills.spec.ports.map(({ targetPort }) => targetPort)).toEqual(['operations']);
    expect(only<Service>('Service', 'mayfly').spec.publishNotReadyAddresses).toBeUndefined();
  });

  test('have the time to finish what is in flight', () => {
    const [command, seconds] = container!.lifecycle!.preStop.exec.command;
    expect(command).toBe('sleep');
    const drain = /^drain_timeout: (\d+)s$/.exec(
      `drain_timeout: ${configuration.http?.drain_timeout ?? '20s'}`,
    )!;
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(Number(seconds) + Number(drain[1]) + 5);
  });
});

/** The files that a pod finds, by its mounts; of a whole Secret or ConfigMap, those that docs/kubernetes.md makes. */
const WHOLE: Readonly<Record<string, readonly string[]>> = {
  'mayfly-tls': ['tls.crt', 'tls.key'],
  mayfly: Object.keys(configMap.data),
};
const filesOf = ({ secret, configMap: map, projected }: Volume): string[] => [
  ...(secret?.items?.map((item) => item.path) ?? WHOLE[secret?.secretName ?? map?.name ?? ''] ?? []),
  ...(projected?.sources.flatMap(({ serviceAccountToken, configMap: items }) => [
    ...(serviceAccountToken ? [serviceAccountToken.path] : []),
    ...(items?.items.map((item) => item.path) ?? []),
  ]) ?? []),
];

describe('the configuration', () => {
  const mounted = container!.volumeMounts.flatMap(({ name, mountPath }) =>
    filesOf(pod.volumes.find((volume) => volume.name === name)!).map((file) => `${mountPath}/${file}`),
  );

  test('names only files that are mounted, and every mounted file is used', () => {
    const sealKey = container!.env!.find(({ name }) => name === 'MAYFLY_SEAL_KEY_FILE')!.value!;
    const named = [...written.matchAll(/_file: ([^\s}]+)/g)].map(([, file = '']) => file);
    expect(new Set([...named, sealKey, '/etc/mayfly/mayfly.yaml'])).toEqual(new Set(mounted));
  });

  test('is accepted by mayfly serve --check', () => {
    const { hostname } = new URL(configuration.issuer);
    const { ca, certificate, key } = makeCertificates({ until: Date.now() + 90 * 86_400_000 }, [hostname]);
    const contents: Readonly<Record<string, string>> = {
      'ca.crt': ca,
      'redis-ca.crt': ca,
      'tls.crt': certificate,
      'tls.key': key,
      'seal-key': Buffer.alloc(32, 7).toString('base64'),
      'redis-password': 'a-password',
      token: 'a.workload.token',
      'mayfly.yaml': written.replaceAll(/(_file: )\//g, `$1${folder}/`),
    };
    for (const file of mounted) {
      mkdirSync(path.join(folder, path.dirname(file)), { recursive: true });
      writeFileSync(path.join(folder, file), contents[path.basename(file)]!, { mode: 0o600 });
    }
    const checked = spawnSync(
      process.execPath,
      ['dist/cli/mayfly.js', 'serve', '--check', '--config', path.join(folder, '/etc/mayfly/mayfly.yaml')],
      { encoding: 'utf8', env: { MAYFLY_SEAL_KEY_FILE: path.join(folder, '/run/secrets/mayfly/seal-key') } },
    );
    expect([checked.status, checked.stderr]).toEqual([0, '']);
    expect(checked.stdout).toContain(`is good: ${configuration.issuer}, trust cluster, tools crm`);
  });

  test('is that of the Service, for tokens that are meant for it', () => {
    const { hostname } = new URL(configuration.issuer);
    const [service, namespace] = hostname.split('.');
    expect(only<Service>('Service', service!).metadata.namespace).toBe(namespace);
    const sources = agent.spec.template.spec.volumes.flatMap(({ projected }) => projected?.sources ?? []);
    const [token] = sources.flatMap(({ serviceAccountToken }) => serviceAccountToken ?? []);
    expect(token!.audience).toBe(configuration.trust[0]!.audience);
    const env = Object.fromEntries(
      agent.spec.template.spec.containers[0]!.env!.map(({ name, value }) => [name, value]),
    );
    expect(env['MAYFLY_URL']).toBe(configuration.issuer);
    expect(configuration.trust[0]!.roles['agent']).toMatchObject({
      namespace: agent.metadata.namespace,
      pod: '*',
    });
  });
});

const ports = (rule: { ports: readonly { port: string | number }[] }): (string | number)[] =>
  rule.ports.map(({ port }) => port);

describe('the network policy', () => {
  const policy = only<NetworkPolicy>('NetworkPolicy', 'mayfly').spec;

  test('lets nothing through that is not named', () => {
    expect(only<NetworkPolicy>('NetworkPolicy', 'default-deny').spec).toEqual({
      podSelector: {},
      policyTypes: ['Ingress', 'Egress'],
    });
    expect(policy.policyTypes).toEqual(['Ingress', 'Egress']);
    expect(picks(policy.podSelector, brokerLabels)).toBe(true);
  });

  test('lets clients in, and to the metrics whoever collects them, and nobody else', () => {
    const [clients, operations, monitoring, ...others] = policy.ingress!;
    expect(others).toEqual([]);
    expect(ports(clients!)).toEqual(['https']);
    const [client] = clients!.from!;
    expect(picks(client!.podSelector!, agent.spec.template.metadata.labels)).toBe(true);
    expect(picks(client!.podSelector!, { app: 'a stranger' })).toBe(false);
    expect(ports(operations!)).toEqual(['operations']);
    expect(picks(operations!.from![0]!.podSelector!, agent.spec.template.metadata.labels)).toBe(false);
    expect(ports(monitoring!)).toEqual(['metrics']);
    expect(monitoring!.from).toEqual([
      { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } },
    ]);
  });

  test('lets the brokers go to names, to Redis and to the API server', () => {
    const [names, redis, apiServer, ...others] = policy.egress!;
    expect(others).toEqual([]);
    expect(ports(names!)).toEqual([53, 53]);
    const { hostname, port } = new URL(configuration.store.url);
    expect(ports(redis!)).toEqual([Number(port)]);
    expect(redis!.to![0]!.namespaceSelector!.matchLabels).toEqual({
      'kubernetes.io/metadata.name': hostname.split('.')[1],
    });
    expect(ports(apiServer!)).toEqual([443, 6443]);
  });
});
