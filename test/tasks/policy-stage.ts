// A broker of use cases alone, which decides by policies: any store, tools of both kinds, and no sockets.
import { AuditEntry } from '../../src/audit/entry.js';
import type { AuditAction } from '../../src/audit/event.js';
import type { Broker, Rules } from '../../src/broker.js';
import type { PrincipalName, TaskId } from '../../src/domain/ids.js';
import { requestId } from '../../src/domain/ids.js';
import type { Lease } from '../../src/domain/lease.js';
import type { VerifiedPrincipal } from '../../src/domain/principal.js';
import { Refusal } from '../../src/domain/refusal.js';
import { Secret } from '../../src/domain/secret.js';
import type { Tool } from '../../src/domain/tool.js';
import { Catalogue } from '../../src/domain/tool.js';
import type { IssuedCredential } from '../../src/issuance/issued.js';
import { issueCredential } from '../../src/issuance/issue-credential.js';
import { renewLease } from '../../src/issuance/renew.js';
import type { SigningMinter } from '../../src/minters/minter.js';
import { cedarPolicy } from '../../src/policy/cedar/cedar-policy.js';
import { loadPolicies } from '../../src/policy/cedar/load.js';
import type { Store } from '../../src/store/store.js';
import type { Signalled } from '../../src/tasks/signal-task.js';
import { signalTask } from '../../src/tasks/signal-task.js';
import type { Scene } from '../contract/store/scene.js';
import { PLANNER } from '../contract/store/scene.js';
import { ExternalTarget, TARGET_KIND } from '../fixtures/external-target.js';
import { lanes } from '../fixtures/lanes.js';
import { noLimits } from '../fixtures/no-limits.js';

const tool = (name: string, overrides: Partial<Tool> = {}): Tool => ({
  name,
  plane: 'data',
  audience: `https://${name}.example`,
  actions: ['read'],
  sensitivity: 'internal',
  maxTtlMs: 300_000,
  renewable: true,
  credential: { kind: 'jwt' },
  ...overrides,
});

/** What is signed is worth nothing here: the lease is what counts. */
const SIGNER: SigningMinter = {
  kind: 'jwt',
  external: false,
  class: 'pushed',
  keyId: () => 'key-1',
  mint: ({ id }) => ({
    secret: new Secret(`token of ${id}`),
    issuedTokenType: 'urn:ietf:params:oauth:token-type:access_token',
    tokenType: 'Bearer',
  }),
};

export const TOOLS = ['crm', 'wiki', 'web', 'ledger'] as const;

export async function rulesOf(text: string, overrides: Record<string, Partial<Tool>> = {}): Promise<Rules> {
  const loaded = await loadPolicies([{ name: 'test.cedar', text }]);
  if ('mistakes' in loaded) throw new Error(loaded.mistakes.map(({ message }) => message).join('\n'));
  const kinds: Record<string, Partial<Tool>> = {
    ledger: { credential: { kind: TARGET_KIND } as unknown as Tool['credential'] },
  };
  const catalogue = new Catalogue(TOOLS.map((name) => tool(name, { ...kinds[name], ...overrides[name] })));
  return { catalogue, policy: cedarPolicy(loaded.set, catalogue, 'digest'), runPrefixes: [] };
}

export class PolicyStage {
  readonly scene: Scene;
  readonly target = new ExternalTarget();
  readonly broker: Broker;
  rules: Rules;

  constructor(scene: Scene, rules: Rules, store: Store = scene.store) {
    this.scene = scene;
    this.rules = rules;
    this.broker = {
      issuer: 'https://broker.example',
      store,
      clock: scene.clock,
      keys: {},
      minters: new Map<string, unknown>([['jwt', SIGNER], [TARGET_KIND, this.target]]), // prettier-ignore
      targets: lanes(scene.clock),
      maxTaskTtlMs: 1e9,
      limits: noLimits(store, scene.clock),
      rules: () => this.rules,
      wake: () => {},
      report: () => {},
    } as unknown as Broker;
  }

  task(id: string): Promise<unknown> {
    const tools = TOOLS.map((name) => ({ tool: name, actions: ['read'] }));
    return this.scene.task(id, { manifest: { agents: ['cluster/*'], tools } });
  }

  exchange(
    id: string,
    name: string,
    { claims = {}, entry = entryOf('token.exchange') }: { claims?: object; entry?: AuditEntry } = {},
  ): Promise<IssuedCredential | Refusal> {
    const asked = { taskId: id as TaskId, target: { name }, actions: [] };
    return issueCredential(this.broker, agentWith(claims), asked, entry);
  }

  renew({ id }: Lease, claims: object = {}): Promise<IssuedCredential | Refusal> {
    return renewLease(this.broker, agentWith(claims), id, {}, entryOf('lease.renew'));
  }

  async granted(id: string, name: string, claims: object = {}): Promise<Lease> {
    const issued = await this.exchange(id, name, { claims });
    if (issued instanceof Refusal) throw new Error(`${issued.reason}: ${issued.detail}`);
    return issued.lease;
  }

  signal(id: string, type: string): Promise<Signalled | Refusal> {
    return signalTask(this.broker, ORCHESTRATOR, id as TaskId, { type }, entryOf('task.signal'));
  }

  async stateOf({ id }: Pick<Lease, 'id'>): Promise<string | undefined> {
    return (await this.scene.store.readLease(id))?.state;
  }
}

export const entryOf = (action: AuditAction): AuditEntry => new AuditEntry(requestId(), action);

const principal = (name: string, role: string, claims: object = {}): VerifiedPrincipal =>
  ({
    name: name as PrincipalName,
    trust: 'cluster',
    subject: name.split('/')[1],
    claims,
    roles: [{ role }],
    instances: {},
  }) as unknown as VerifiedPrincipal;

const agentWith = (claims: object = {}): VerifiedPrincipal => principal('cluster/agent-1', 'agent', claims);
export const ORCHESTRATOR = principal(PLANNER, 'orchestrator');
