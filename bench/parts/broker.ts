// The broker as people run it: `mayfly serve` of the compiled code, a configuration file, a store beside it.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { freePort } from '../../examples/demo/port.js';
import { build, root } from '../../scripts/project.mjs';
import type { Server } from './server.js';
import { startServer } from './server.js';
import { ALGORITHM, publicJwks, workloadToken } from './workload.js';

export const TOOL = { name: 'crm', audience: 'https://crm.example', actions: ['read', 'write'] } as const;
export const TRUST_NAME = 'cluster';
const WORKLOAD_ISSUER = 'https://idp.example';
const AUDIENCE = 'mayfly';

export const tokenFor = (subject: string): string => workloadToken(WORKLOAD_ISSUER, subject, AUDIENCE);

interface Terms {
  readonly issuer: string;
  /** As it stands in the configuration. */
  readonly store: string;
  /** The limits that everybody has who says nothing; none that anybody could meet when absent. */
  readonly usualLimits?: true;
  /** Tools beside that one, by name, as YAML in one line. */
  readonly tools?: Readonly<Record<string, string>>;
  /** More members of the configuration, as lines. */
  readonly more?: readonly string[];
}

/** High and not off: a benchmark pays for asking the limits, as everybody does, and meets none. */
const PLENTY = '{ per_second: 1000000000, burst: 1000000000 }';

const NO_LIMITS = `limits:
  requests_per_principal: ${PLENTY}
  refusals_per_address: ${PLENTY}
  live_leases_per_task: 1000000000
  live_leases_per_agent: 1000000000
  open_tasks_per_orchestrator: 1000000000
  open_tasks_per_tree: 1000000000
`;

const configuration = (
  url: string,
  { issuer, store, usualLimits, tools = {}, more = [] }: Terms,
): string => `issuer: ${issuer}
listen: ${new URL(url).host}
store: ${store}
trust:
  - name: ${TRUST_NAME}
    kind: oidc
    issuer: ${WORKLOAD_ISSUER}
    audience: ${AUDIENCE}
    algorithms: [${ALGORITHM}]
    jwks_file: ./workload.jwks.json
    roles:
      agent: { sub: 'agent-*' }
      orchestrator: { sub: planner }
      operator: { sub: operator }
      verifier: { sub: crm-api, tools: [${TOOL.name}] }
tools:
  ${TOOL.name}:
    plane: data
    audience: ${TOOL.audience}
    actions: [${TOOL.actions.join(', ')}]
    max_ttl: 1h
    credential: { kind: jwt }
${Object.entries(tools)
  .map(([name, tool]) => `  ${name}: ${tool}\n`)
  .join('')}keys: { algorithm: ${ALGORITHM} }
${usualLimits ? '' : NO_LIMITS}${more.map((line) => `${line}\n`).join('')}`;

export interface BrokerPlace {
  readonly name: string;
  readonly folder: string;
  readonly url: string;
  readonly issuer: string;
}

/** A folder with everything that a broker needs, not started yet. Brokers beside the first one have its issuer. */
export async function brokerPlace(
  parent: string,
  name: string,
  { issuer, ...terms }: Omit<Terms, 'issuer'> & Partial<Pick<Terms, 'issuer'>>,
): Promise<BrokerPlace> {
  const folder = path.join(parent, name);
  const url = `http://127.0.0.1:${await freePort()}`;
  mkdirSync(folder, { recursive: true });
  const given = { ...terms, issuer: issuer ?? url };
  writeFileSync(path.join(folder, 'mayfly.yaml'), configuration(url, given));
  writeFileSync(path.join(folder, 'workload.jwks.json'), JSON.stringify(publicJwks));
  return { name, folder, url, issuer: given.issuer };
}

/** Compiles what is in src/: a benchmark of yesterday's code would be worth nothing. */
export function buildBroker(): string {
  if (build() !== 0) throw new Error('src/ does not compile');
  return path.join(root, 'dist');
}

export interface StartTerms {
  readonly env: Readonly<Record<string, string>>;
  readonly nodeOptions?: readonly string[];
  /** Beside the load generator, and not where servers are. */
  readonly onAskingCore?: boolean;
  /** Wherever the system puts it. */
  readonly anyCore?: boolean;
}

export const startBroker = (
  { name, folder, url }: BrokerPlace,
  dist: string,
  { env, nodeOptions = [], onAskingCore = false, anyCore = false }: StartTerms,
): Promise<Server> =>
  startServer(
    { name, folder, url, ready: '/readyz', onAskingCore: onAskingCore || anyCore },
    [
      ...nodeOptions,
      path.join(dist, 'cli', 'mayfly.js'),
      'serve',
      '--config',
      path.join(folder, 'mayfly.yaml'),
    ],
    env,
  );
