// What a lease is bound to: the key that was proven and the instance, for every kind of credential, as the policy asks.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Broker } from '../../src/broker.js';
import type { TaskId } from '../../src/domain/ids.js';
import type { ProvenKey, VerifiedPrincipal } from '../../src/domain/principal.js';
import { Refusal } from '../../src/domain/refusal.js';
import type { Manifest } from '../../src/domain/task.js';
import { withinParent } from '../../src/domain/task.js';
import type { Tool } from '../../src/domain/tool.js';
import { Catalogue } from '../../src/domain/tool.js';
import { issueCredential } from '../../src/issuance/issue-credential.js';
import type { Decision } from '../../src/policy/policy.js';
import { AGENT, entry, newTask, reasonOf, Scene } from '../contract/store/scene.js';
import { ExternalTarget, TARGET_KIND } from '../fixtures/external-target.js';
import { lanes } from '../fixtures/lanes.js';
import { noLimits } from '../fixtures/no-limits.js';
import { embeddedHarness } from '../store/embedded-harness.js';

const KEY = 'thumbprint' as ProvenKey;
const tool = {
  name: 'crm',
  plane: 'data',
  audience: 'https://crm.example',
  actions: ['read'],
  sensitivity: 'internal',
  maxTtlMs: 300_000,
  renewable: true,
  credential: { kind: TARGET_KIND },
} as unknown as Tool;

const harness = embeddedHarness();
let scene: Scene;
let decision: Decision;
let broker: Broker;
beforeEach(async () => {
  scene = await Scene.open(harness);
  decision = { effect: 'permit', policyDigest: 'digest', determining: [] };
  const rules = { catalogue: new Catalogue([tool]), policy: { decide: () => decision } };
  broker = {
    store: scene.store,
    clock: scene.clock,
    minters: new Map([[TARGET_KIND, new ExternalTarget()]]),
    targets: lanes(scene.clock),
    rules: () => rules,
    wake: () => {},
    limits: noLimits(scene.store, scene.clock),
  } as unknown as Broker;
});
afterEach(() => harness.close());

const agent = (instances: VerifiedPrincipal['instances'] = {}): VerifiedPrincipal =>
  ({ name: AGENT, trust: 'cluster', roles: [{ role: 'agent' }], instances }) as unknown as VerifiedPrincipal;
const issue = (who = agent(), provenKey?: ProvenKey) => {
  const asked = { taskId: 'run' as TaskId, target: { name: 'crm' }, actions: [] };
  return issueCredential(broker, who, { ...asked, ...(provenKey && { provenKey }) }, entry());
};
const open = (instance?: Manifest['instance']) =>
  scene.task('run', { manifest: { ...newTask('run').manifest, ...(instance && { instance }) } });

describe('a policy that permits with a proof only', () => {
  test('is obeyed: nothing without one, and with one a lease that is bound, also of a credential at a target', async () => {
    await open();
    decision = { ...decision, requireDpop: true };
    expect(reasonOf(await issue())).toBe('proof_missing');
    const issued = await issue(agent(), KEY);
    expect(issued).toMatchObject({ lease: { jkt: KEY, state: 'active' } });
    expect(await scene.store.listLeases({ limit: 9 })).toHaveLength(1);
  });
});

describe('a task that binds the instance', () => {
  type Row = [string, Manifest['instance'], VerifiedPrincipal['instances'], ProvenKey | undefined, string];
  test.each<Row>([
    ['the pod that it names', { kind: 'pod', id: '1' }, { pod: '1' }, undefined, 'pod:1'],
    ['another pod', { kind: 'pod', id: '1' }, { pod: '2' }, undefined, 'instance_mismatch'],
    ['no pod', { kind: 'pod', id: '1' }, {}, undefined, 'instance_mismatch'],
    ['a run of that number', { kind: 'pod', id: '1' }, { run: '1' }, undefined, 'instance_mismatch'],
    ['any pod, where none is named', { kind: 'pod' }, { pod: '2' }, undefined, 'pod:2'],
    ['no pod, where none is named', { kind: 'pod' }, { run: '2' }, KEY, 'instance_mismatch'],
    ['the run', { kind: 'run', id: '7' }, { run: '7' }, undefined, 'run:7'],
    ['the key that was proven', { kind: 'key' }, {}, KEY, `key:${KEY}`],
    [
      'a key that only the token tells of',
      { kind: 'key', id: KEY },
      { key: KEY },
      undefined,
      'instance_mismatch',
    ],
  ])('gives to %s', async (_, instance, instances, key, expected) => {
    await open(instance);
    const issued = await issue(agent(instances), key);
    expect(issued instanceof Refusal ? issued.reason : issued.lease.instance).toBe(expected);
  });
});

const manifest = (instance?: Manifest['instance']): Manifest => ({
  agents: ['a/*'],
  tools: [],
  ...(instance && { instance }),
});

describe('a child', () => {
  const pod = { kind: 'pod', id: '1' } as const;
  test.each<[string, Manifest['instance'], Manifest['instance'], boolean]>([
    ['the same', pod, pod, true],
    ['another id', pod, { kind: 'pod', id: '2' }, false],
    ['no id', pod, { kind: 'pod' }, false],
    ['an id below none', { kind: 'pod' }, pod, false],
    ['another kind', pod, { kind: 'run', id: '1' }, false],
    ['none', pod, undefined, false],
    ['one below none', undefined, pod, true],
  ])('that names %s, below a parent: %j and %j', (_, parent, child, good) => {
    expect(withinParent(manifest(child), manifest(parent)) === undefined).toBe(good);
  });
});
