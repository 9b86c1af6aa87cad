// The broker as people run it: `mayfly serve` of the compiled code, a configuration file, an embedded store on disk.
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

const configuration = (url: string): string => `issuer: ${url}
listen: ${new URL(url).host}
store: { kind: embedded, path: ./mayfly.db }
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
      verifier: { sub: crm-api, tools: [${TOOL.name}] }
tools:
  ${TOOL.name}:
    plane: data
    audience: ${TOOL.audience}
    actions: [${TOOL.actions.join(', ')}]
    max_ttl: 1h
    credential: { kind: jwt }
keys: { algorithm: ${ALGORITHM} }
`;

export interface BrokerPlace {
  readonly folder: string;
  readonly url: string;
  readonly database: string;
}

/** A folder with everything that a broker needs, not started yet. */
export async function brokerPlace(parent: string, name: string): Promise<BrokerPlace> {
  const folder = path.join(parent, name);
  const url = `http://127.0.0.1:${await freePort()}`;
  mkdirSync(folder);
  writeFileSync(path.join(folder, 'mayfly.yaml'), configuration(url));
  writeFileSync(path.join(folder, 'workload.jwks.json'), JSON.stringify(publicJwks));
  return { folder, url, database: path.join(folder, 'mayfly.db') };
}

/** Compiles what is in src/: a benchmark of yesterday's code would be worth nothing. */
export function buildBroker(): string {
  if (build() !== 0) throw new Error('src/ does not compile');
  return path.join(root, 'dist');
}

export const startBroker = (
  { folder, url }: BrokerPlace,
  dist: string,
  { nodeOptions = [], env = {} }: { nodeOptions?: readonly string[]; env?: Record<string, string> } = {},
): Promise<Server> =>
  startServer(
    { name: 'broker', folder, url, ready: '/readyz' },
    [
      ...nodeOptions,
      path.join(dist, 'cli', 'mayfly.js'),
      'serve',
      '--config',
      path.join(folder, 'mayfly.yaml'),
    ],
    env,
  );
