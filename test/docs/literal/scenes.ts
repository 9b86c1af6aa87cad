// What a page takes for granted when somebody begins to type: a folder, a broker, who they are. One scene for a page.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../../examples/demo/port.js';
import { TestBroker } from '../../fixtures/broker.js';
import { CRM, SEARCH } from '../../fixtures/broker-configuration.js';
import { BrokerFleet } from '../../fixtures/broker-fleet.js';
import { StandaloneRedis } from '../../fixtures/redis/standalone.js';
import { program, startTool } from '../dpop-programs.js';
import type { Typed } from './blocks.js';

export interface Setting {
  readonly variables: Readonly<Record<string, string>>;
  /** Typed before a command, and not part of the page: who the person at the terminal is by now. */
  before?(typed: Typed): string;
  /** Puts in what chance made: a port that is free, the id of a lease. */
  put?(text: string): string;
  stop?(): Promise<void>;
}

export interface Scene {
  readonly page: string;
  /** Parts of test/parts.mjs that its commands need. */
  readonly needs?: readonly string[];
  set(folder: string): Promise<Setting> | Setting;
}

/** Of the parts of the tests, those that are not on this machine. */
export const missing = (needs: readonly string[]): string[] => {
  const absent = (process.env['MAYFLY_TEST_ABSENT'] ?? '').split(',');
  return needs.filter((need) => absent.includes(need));
};

/** What is typed by another test, or cannot be typed here: where, or why. */
export const ELSEWHERE: readonly {
  readonly page: string;
  /** Only below this heading. */
  readonly below?: string;
  readonly what: RegExp;
  readonly where: string;
}[] = [
  { page: 'README.md', what: /^npm run demo/, where: 'test/e2e/demo.test.ts; npm test is what runs now' },
  { page: 'README.md', what: /./, below: 'Try it with curl', where: 'test/e2e/readme.test.ts' },
  { page: 'README.md', what: /./, below: 'Give any program a credential', where: 'test/e2e/readme.test.ts' },
  { page: 'docs/benchmarks.md', what: /^npm run bench/, where: '.ci/run, each for two seconds' },
  {
    page: 'docs/operations.md',
    what: /./,
    below: 'The recovery drill',
    where: 'test/docs/operations.test.ts',
  },
  {
    page: 'deploy/README.md',
    what: /./,
    where: 'test/deploy/: what is in the files, and the services without an engine; docker itself needs one',
  },
];

/** What blocks are marked by (`part=docker`) that need what no machine of a test has: why, and what is tested instead. */
export const PARTS: Readonly<Record<string, string>> = {
  aws: 'sessions of AWS; test/e2e/aws-clients.test.ts runs SDKs and the command line so, on Ceph',
  checkout: 'npm test is what runs now',
  credentials: 'a task that is open; test/http/credentials.test.ts gives the command',
  'given-up': 'a credential that could not be revoked; test/http/irrevocable.test.ts types the commands',
  demo: 'what a demo left up; test/examples/ runs the programs as they stand',
  dev: 'a broker that goes on until it is stopped; test/cli/dev.test.ts starts it so',
  docker: 'an engine for containers; test/deploy/ reads what it would build from',
  kubectl: 'a cluster; test/deploy/ reads the manifests, and runs by their configuration',
  receipt: 'a task that is over; test/docs/receipts.test.ts types the commands',
  reconcile: 'a target; test/e2e/reconcile.test.ts types the commands',
  record: 'a broker that has decided by policies; test/cli/policy-record.test.ts has its record',
  registry: 'the registry of packages; test/packaging/ packs, and installs what was packed',
  signal: 'a task of a broker that decides by policies; test/cli/for-programs.test.ts types the command',
};

export const SCENES: readonly Scene[] = [
  {
    page: 'docs/configuration.md',
    set(folder) {
      // The mistakes that the page shows, at the places where it shows them.
      const store = '{ kind: redis, url: "redis://:secret@redis.example", path: ./x }';
      writeFileSync(join(folder, 'mayfly.yaml'), mistaken(store));
      return { variables: {} };
    },
  },
  {
    page: 'docs/operations.md',
    needs: ['redis-server'],
    async set() {
      const redis = await StandaloneRedis.start();
      const fleet = await BrokerFleet.start({ count: 1, redis });
      const broker = fleet.brokers[0]!;
      const { body: task } = await broker.openTask();
      await broker.credential('agent-1', { task_id: task.id, audience: 'crm' });
      return {
        variables: { MAYFLY_URL: broker.url, MAYFLY_TOKEN: broker.workloads.token('operator') },
        // Whoever is at the terminal means their own Redis, and no other that may run here.
        before: () => `redis-cli() { command redis-cli -p ${redis.server.port} "$@"; }`,
        stop: async () => {
          await fleet.remove();
          await redis.close();
        },
      };
    },
  },
  {
    page: 'docs/cli.md',
    async set(folder) {
      const [port, another, served] = [await freePort(), await freePort(), await freePort()].map(String);
      const file = join(folder, 'mayfly.yaml');
      writeFileSync(join(folder, 'oidc.jwks.json'), JSON.stringify({ keys: [publicJwk()] }));
      writeFileSync(file, sound(`http://127.0.0.1:${served}`));
      return {
        variables: {
          MAYFLY_URL: `http://127.0.0.1:${port}`,
          MAYFLY_SEAL_KEY: randomBytes(32).toString('base64'),
        },
        put: (text) =>
          text
            .replace(/^mayfly dev$/m, `mayfly dev --port ${port}`)
            .replaceAll('8420', port!)
            .replaceAll('9000', another!)
            .replaceAll('/etc/mayfly/mayfly.yaml', file),
        before: ({ headings }) => asWhom(headings),
      };
    },
  },
  {
    page: 'docs/exec.md',
    async set() {
      const port = String(await freePort());
      return {
        variables: { MAYFLY_URL: `http://127.0.0.1:${port}` },
        put: (text) => text.replace(/^mayfly dev$/m, `mayfly dev --port ${port}`),
      };
    },
  },
  {
    page: 'docs/dpop.md',
    async set(folder) {
      const tools = { crm: { ...CRM, require_dpop: true }, search: SEARCH };
      const broker = await TestBroker.start({ terms: { dpop: { nonces: 'required' }, tools } });
      await broker.openTask({ id: 'run-42', tools: [{ tool: 'crm', actions: ['read'] }] });
      const env = { MAYFLY_URL: broker.url, CRM_URL: `http://127.0.0.1:${await freePort()}` };
      const tool = await startTool(env);
      writeFileSync(join(folder, 'agent.mjs'), program('command'));
      // Where npm would put us.
      mkdirSync(join(folder, 'node_modules'));
      symlinkSync(process.cwd(), join(folder, 'node_modules', 'mayfly'));
      return {
        variables: { ...env, MAYFLY_TOKEN: broker.workloads.token('agent-1') },
        stop: async () => {
          tool.kill();
          await broker.stop();
        },
      };
    },
  },
];

const mistaken = (store: string): string => `issuer: https://mayfly.example
listen: 127.0.0.1:8420
store: ${store}
trust:
  - name: cluster
    kind: oidc
    issuer: https://oidc.example
    audience: mayfly
    roles: { agent: { sub: 'agent-*' } }
tools:
  crm: { plane: data, audience: https://crm.example, actions: [read], credential: { kind: jwt } }
`;

const publicJwk = (): object =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });

/** A configuration that a broker starts by. */
const sound = (url: string): string => `issuer: ${url}
listen: ${new URL(url).host}
store: { kind: embedded, path: ./served.db }
trust:
  - name: cluster
    kind: oidc
    issuer: https://oidc.example
    audience: mayfly
    jwks_file: ./oidc.jwks.json
    roles: { agent: { sub: 'agent-*' } }
tools:
  crm: { plane: data, audience: https://crm.example, actions: [read], credential: { kind: jwt } }
`;

const NAMES: readonly (readonly [role: string, name: string])[] = [
  ['orchestrator', 'planner'],
  ['agent', 'agent-1'],
  ['verifier', 'crm-api'],
  ['operator', 'operator'],
  ['auditor', 'auditor'],
];

/** A heading says for whom it is: `## Tasks (orchestrator)`. */
function asWhom(headings: readonly string[]): string {
  const said = headings
    .toReversed()
    .flatMap((heading) => /\(([a-z]+)(?:, [a-z]+)*\)$/.exec(heading)?.[1] ?? []);
  const name = NAMES.find(([role]) => role === said[0])?.[1];
  return name === undefined ? '' : `export MAYFLY_TOKEN=$(mayfly dev token --as ${name})`;
}
