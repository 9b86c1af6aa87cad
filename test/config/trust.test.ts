// Trust of every kind, as a stranger may write it: what is good as it stands, and what each mistake is called.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { stringify } from 'yaml';
import { settingsFrom } from '../../src/config/load.js';
import { ConfigurationError } from '../../src/config/mistakes.js';
import type { TrustedIssuer } from '../../src/identity/trust.js';
import { makeCertificates } from '../fixtures/redis/certificates.js';

let folder: string;
const write = (name: string, content: unknown): void =>
  writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));

const JWK = {
  kty: 'EC',
  crv: 'P-256',
  x: 'MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4',
  y: '4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM',
  kid: 'one',
};
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mayfly-trust-'));
  write('ca.crt', makeCertificates().ca);
  write('token', 'eyJ.a.b\n');
  write('words', 'two words\n');
  write('bundle.json', { keys: [{ ...JWK, use: 'jwt-svid' }] });
  write('empty.json', { keys: [] });
  write('jwks.json', { keys: [{ ...JWK, use: 'sig' }] });
  write('private.json', { keys: [{ ...JWK, use: 'jwt-svid', d: 'x' }] });
  write('list.json', []);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const KUBERNETES = {
  name: 'cluster',
  kind: 'kubernetes',
  issuer: 'https://kubernetes.default.svc.cluster.local',
  audience: 'mayfly',
  roles: { agent: { namespace: 'agents', service_account: 'agent-*' } },
};
const GITHUB = {
  name: 'github',
  kind: 'github',
  audience: 'mayfly',
  roles: { agent: { repository_id: 123456, ref: 'refs/heads/main' } },
};
const SPIFFE = {
  name: 'prod',
  kind: 'spiffe',
  trust_domain: 'prod.example',
  bundle_file: './bundle.json',
  audience: 'mayfly',
  roles: { agent: { path: '/agents/*' } },
};
const OIDC = {
  name: 'idp',
  kind: 'oidc',
  issuer: 'https://oidc.example',
  audience: 'mayfly',
  roles: { agent: { sub: 'agent-*' } },
};
const RUNS = { tools: [{ tool: 'crm', actions: ['read'] }] };

const textOf = (trust: readonly object[], more: object = {}): string =>
  stringify({
    issuer: 'https://broker.example',
    listen: '127.0.0.1:8420',
    store: { kind: 'embedded', path: './mayfly.db' },
    trust,
    tools: {
      crm: {
        plane: 'data',
        audience: 'https://crm.example',
        actions: ['read', 'write'],
        credential: { kind: 'jwt' },
      },
    },
    ...more,
  });

const trustIn = async (...trust: readonly object[]): Promise<readonly TrustedIssuer[]> =>
  (await settingsFrom(textOf(trust), join(folder, 'mayfly.yaml'))).trust;

/** Every mistake as `path: message`; each must stand at a line. */
async function mistakesIn(trust: readonly object[], more?: object): Promise<string[]> {
  try {
    await settingsFrom(textOf(trust, more), join(folder, 'mayfly.yaml'));
    return [];
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    for (const { line } of error.mistakes) expect(line).toBeGreaterThan(0);
    return error.mistakes.map(({ path, message }) => `${path}: ${message}`);
  }
}

describe('the least that has to be said', () => {
  const common = { audiences: ['mayfly'], clockToleranceMs: 30_000, oneTime: false };
  const DAY_MS = 86_400_000;

  test('of a cluster', async () => {
    expect(await trustIn(KUBERNETES)).toEqual([
      {
        ...common,
        name: 'cluster',
        kind: 'kubernetes',
        issuer: KUBERNETES.issuer,
        algorithms: ['RS256'],
        maxTokenAgeMs: DAY_MS,
        roles: [
          {
            grant: { role: 'agent' },
            claims: [
              { claim: 'namespace', anyOf: ['agents'] },
              { claim: 'service_account', anyOf: ['agent-*'] },
            ],
          },
        ],
      },
    ]);
  });

  test('of GitHub: its issuer is known, and numbers are compared as the texts that they are in tokens', async () => {
    expect(await trustIn(GITHUB)).toEqual([
      {
        ...common,
        name: 'github',
        kind: 'github',
        issuer: 'https://token.actions.githubusercontent.com',
        algorithms: ['RS256'],
        maxTokenAgeMs: DAY_MS / 24,
        roles: [
          {
            grant: { role: 'agent' },
            claims: [
              { claim: 'repository_id', anyOf: ['123456'] },
              { claim: 'ref', anyOf: ['refs/heads/main'] },
            ],
          },
        ],
      },
    ]);
  });

  test('of a trust domain', async () => {
    expect(await trustIn(SPIFFE)).toEqual([
      {
        ...common,
        name: 'prod',
        kind: 'spiffe',
        trustDomain: 'prod.example',
        issuer: 'spiffe://prod.example',
        bundle: { path: join(folder, 'bundle.json') },
        algorithms: ['ES256', 'ES384', 'RS256'],
        maxTokenAgeMs: DAY_MS,
        roles: [{ grant: { role: 'agent' }, claims: [{ claim: 'path', anyOf: ['/agents/*'] }] }],
      },
    ]);
  });
});

describe('what may be said besides', () => {
  test('of the audience, where there are several, or beside another claim', async () => {
    const idp = { ...OIDC, audience: ['mayfly', 'admin'], roles: { operator: { aud: 'admin' } } };
    const [trust] = await trustIn(idp, rule(SPIFFE, { aud: 'mayfly', path: '/a' }));
    expect(trust?.roles).toEqual([
      { grant: { role: 'operator' }, claims: [{ claim: 'aud', anyOf: ['admin'] }] },
    ]);
  });

  test('of where an API server is, and how it is asked', async () => {
    const [cluster] = await trustIn({
      ...KUBERNETES,
      jwks_uri: 'https://kubernetes.default.svc/openid/v1/jwks',
      ca_file: './ca.crt',
      token_file: './token',
    });
    expect(cluster).toMatchObject({
      jwksUri: 'https://kubernetes.default.svc/openid/v1/jwks',
      caFile: join(folder, 'ca.crt'),
      tokenFile: join(folder, 'token'),
    });
  });

  test('of a bundle endpoint; of an empty bundle; of a trust domain by its ID', async () => {
    const { bundle_file: _, ...spiffe } = SPIFFE;
    const endpoint = 'https://spire.example/bundle';
    const [prod, gone] = await trustIn(
      { ...spiffe, trust_domain: 'spiffe://prod.example', bundle_endpoint: endpoint, ca_file: './ca.crt' },
      { ...SPIFFE, name: 'gone', trust_domain: 'gone.example', bundle_file: './empty.json' },
    );
    expect(prod).toMatchObject({
      trustDomain: 'prod.example',
      bundle: { endpoint, caFile: join(folder, 'ca.crt') },
    });
    expect(gone).toMatchObject({ bundle: { path: join(folder, 'empty.json') } });
  });

  test('of the runs of workflows', async () => {
    const [github] = await trustIn({ ...GITHUB, runs: RUNS });
    expect(github).toMatchObject({
      runs: { prefix: 'gh-', ttlMs: 3_600_000, tools: [{ tool: 'crm', actions: ['read'] }] },
    });
  });
});

const without = (entry: Record<string, unknown>, ...members: string[]): object =>
  Object.fromEntries(Object.entries(entry).filter(([name]) => !members.includes(name)));
const rule = (entry: object, agent: unknown): object => ({ ...entry, roles: { agent } });
const BY_NAME =
  'goes by names, and a name can be taken over when it is given up: say repository_id or repository_owner_id as well, or dangerously_by_name: true';
const ANY_NAMESPACE =
  'would hold in every namespace, and whoever may make one could take the name: say namespace as well ("*" for all)';
const EVERYBODY =
  'would make everybody agent: name a claim that tells them apart, or say dangerously_any: true';
const ID = 'must be the number that GitHub gave it, such as 123456';

describe('a mistake', () => {
  test.each<[string, object | readonly object[], readonly string[]]>([
    [
      'a kind that there is not',
      { ...KUBERNETES, kind: 'kubernets' },
      ['trust[0].kind: must be one of oidc, kubernetes, github, spiffe: did you mean kubernetes?'],
    ],
    [
      'settings of another kind',
      { ...GITHUB, token_file: './token', trust_domain: 'prod.example', bundle_file: './bundle.json' },
      [
        'trust[0].token_file: goes with kind: kubernetes',
        'trust[0].trust_domain: goes with kind: spiffe',
        'trust[0].bundle_file: goes with kind: spiffe',
      ],
    ],
    ['runs of a cluster', { ...KUBERNETES, runs: RUNS }, ['trust[0].runs: goes with kind: github']],
    [
      'an issuer of a trust domain',
      { ...SPIFFE, issuer: 'https://spire.example', jwks_uri: 'https://spire.example/keys' },
      [
        'trust[0].issuer: goes with kind: oidc, kubernetes or github',
        'trust[0].jwks_uri: goes with kind: oidc, kubernetes or github',
      ],
    ],
    [
      'a slip in the name of a setting',
      { ...KUBERNETES, tokenfile: './token' },
      ['trust[0].tokenfile: is not known: did you mean token_file?'],
    ],
    [
      'no audience',
      without(KUBERNETES, 'audience'),
      ['trust[0].audience: is missing: the aud that its tokens must have, such as mayfly'],
    ],
    [
      'no issuer of a cluster',
      without(KUBERNETES, 'issuer'),
      [
        "trust[0].issuer: is missing: the cluster's --service-account-issuer, as `kubectl get --raw /.well-known/openid-configuration` shows it",
      ],
    ],
    [
      'no trust domain',
      without(SPIFFE, 'trust_domain'),
      ['trust[0].trust_domain: is missing: the trust domain, such as prod.example'],
    ],
    [
      'a trust domain in capitals',
      { ...SPIFFE, trust_domain: 'Prod.example' },
      [
        'trust[0].trust_domain: must be the name of a trust domain, such as prod.example: lower-case, no port',
      ],
    ],
    [
      'no bundle',
      without(SPIFFE, 'bundle_file'),
      [
        'trust[0].bundle_file: is missing: a file with the bundle of the trust domain, or bundle_endpoint with its URL',
      ],
    ],
    [
      'two bundles',
      { ...SPIFFE, bundle_endpoint: 'https://spire.example/bundle' },
      ['trust[0].bundle_file: cannot be given together with bundle_endpoint: keep one'],
    ],
    [
      'a bundle endpoint in the clear',
      { ...without(SPIFFE, 'bundle_file'), bundle_endpoint: 'http://spire.example/bundle' },
      ['trust[0].bundle_endpoint: must be https: plain http is for loopback addresses only'],
    ],
    [
      'an authority where nobody is asked',
      { ...SPIFFE, ca_file: './ca.crt' },
      ['trust[0].ca_file: is for asking a server, and with bundle_file none is asked: keep one'],
    ],
    [
      'an algorithm that no JWT-SVID has',
      { ...SPIFFE, algorithms: ['EdDSA'] },
      [
        'trust[0].algorithms[0]: must be one of ES256, ES384, ES512, RS256, RS384, RS512, PS256, PS384, PS512',
      ],
    ],
    [
      'a JWKS in the place of a bundle',
      { ...SPIFFE, bundle_file: './jwks.json' },
      [
        'trust[0].bundle_file: ./jwks.json: holds no key with use: jwt-svid; `spire-server bundle show -format spiffe` writes what is wanted',
      ],
    ],
    [
      'private keys in the place of a bundle',
      { ...SPIFFE, bundle_file: './private.json' },
      ['trust[0].bundle_file: ./private.json: holds a private key: only public halves belong here'],
    ],
    [
      'something else in the place of a bundle',
      { ...SPIFFE, bundle_file: './list.json' },
      ['trust[0].bundle_file: ./list.json: is no SPIFFE bundle: it must be {"keys": [ … ]}'],
    ],
    [
      'files that are not there, or hold something else',
      { ...KUBERNETES, ca_file: './token', token_file: './words' },
      [
        'trust[0].ca_file: ./token: holds no certificate in PEM',
        'trust[0].token_file: ./words: holds no token, or more than that',
      ],
    ],
    [
      'two clusters of one name, as most are left with',
      [KUBERNETES, { ...KUBERNETES, name: 'west' }],
      [
        'trust[1].issuer: is the issuer of cluster as well: put the roles of both in one entry, or, if they are two clusters, give each its own --service-account-issuer',
      ],
    ],
    [
      'one trust domain twice',
      [SPIFFE, { ...SPIFFE, name: 'again' }],
      ['trust[1].trust_domain: is the trust domain of prod as well: put the roles of both in one entry'],
    ],
    [
      'a cluster that is trusted as another kind already',
      [KUBERNETES, { ...without(KUBERNETES), name: 'plain', kind: 'oidc', roles: { agent: { sub: 'a' } } }],
      [`trust[1].issuer: is the issuer of cluster as well: put the roles of both in one entry`],
    ],
    // Rules of clusters.
    [
      'a slip in a fact of a cluster',
      rule(KUBERNETES, { namespace: 'agents', servce_account: 'planner' }),
      ['trust[0].roles.agent.servce_account: is not known: did you mean service_account?'],
    ],
    [
      'a service account with its namespace before it',
      rule(KUBERNETES, { service_account: 'agents/planner' }),
      [
        `trust[0].roles.agent: ${ANY_NAMESPACE}`,
        'trust[0].roles.agent.service_account: must be the name of a service account alone, or a glob of it: lower-case letters, digits, dots, - and *',
      ],
    ],
    [
      'a service account in any namespace',
      rule(KUBERNETES, { service_account: 'planner' }),
      [`trust[0].roles.agent: ${ANY_NAMESPACE}`],
    ],
    [
      'a pod in any namespace',
      rule(KUBERNETES, { pod: 'planner-*' }),
      [`trust[0].roles.agent: ${ANY_NAMESPACE}`],
    ],
    [
      'the binding as a whole',
      rule(KUBERNETES, { namespace: 'agents', 'kubernetes.io': 'x' }),
      [
        'trust[0].roles.agent["kubernetes.io"]: cannot be compared as a whole: name namespace, service_account, pod, pod_uid or node',
      ],
    ],
    [
      'every account of a cluster',
      rule(KUBERNETES, { namespace: '*', pod: '*' }),
      [`trust[0].roles.agent: ${EVERYBODY}`],
    ],
    [
      'every account of a cluster, by sub',
      rule(KUBERNETES, { sub: 'system:serviceaccount:*:*' }),
      [`trust[0].roles.agent: ${EVERYBODY}`],
    ],
    ...['system:*', 's*', '*:*', 'system:serviceaccount:*', '*account:*'].map(
      (sub): [string, object, string[]] => [
        `every account of a cluster, by sub ${sub}`,
        rule(KUBERNETES, { sub }),
        [`trust[0].roles.agent: ${EVERYBODY}`],
      ],
    ),
    // Rules of GitHub.
    ['a repository by name', rule(GITHUB, { repository: 'acme/app' }), [`trust[0].roles.agent: ${BY_NAME}`]],
    [
      'an environment of anybody',
      rule(GITHUB, { environment: 'production' }),
      [`trust[0].roles.agent: ${BY_NAME}`],
    ],
    [
      'a reusable workflow that anybody may call',
      rule(GITHUB, { job_workflow_ref: 'acme/workflows/.github/workflows/agent.yml@refs/tags/v1' }),
      [`trust[0].roles.agent: ${BY_NAME}`],
    ],
    ['a sub by names', rule(GITHUB, { sub: 'repo:acme/app:*' }), [`trust[0].roles.agent: ${BY_NAME}`]],
    [
      'a sub with stars where the numbers go',
      rule(GITHUB, { sub: 'repo:acme@*/app@*:ref:refs/heads/main' }),
      [`trust[0].roles.agent: ${BY_NAME}`],
    ],
    [
      'a sub with a star behind the numbers, which other numbers begin with as well',
      rule(GITHUB, { sub: 'repo:acme@65/app@74*' }),
      [`trust[0].roles.agent: ${BY_NAME}`],
    ],
    [
      'one sub of two by names',
      rule(GITHUB, { sub: ['repo:acme@65/app@74:*', 'repo:acme/app:*'] }),
      [`trust[0].roles.agent: ${BY_NAME}`],
    ],
    [
      'a glob of numbers',
      rule(GITHUB, { repository_id: '123*' }),
      [`trust[0].roles.agent.repository_id: ${ID}`],
    ],
    [
      'the name where the number goes',
      rule(GITHUB, { repository_id: 'acme/app' }),
      [`trust[0].roles.agent.repository_id: ${ID}`],
    ],
    [
      'everybody on GitHub',
      rule(GITHUB, { dangerously_any: true }),
      [
        'trust[0].roles.agent.dangerously_any: would be everybody on GitHub: name repository_id or repository_owner_id',
      ],
    ],
    [
      'nothing at all',
      rule(GITHUB, {}),
      ['trust[0].roles.agent: would make everybody agent: name a claim that tells them apart'],
    ],
    [
      'a slip in a claim of GitHub',
      rule(GITHUB, { repository_id: 1, enviroment: 'production' }),
      ['trust[0].roles.agent.enviroment: is not known: did you mean environment?'],
    ],
    // Rules of trust domains.
    [
      'the audience alone, which every token has',
      [rule(SPIFFE, [{ path: '/a' }, { aud: 'mayfly' }]), rule(OIDC, { aud: ['other', 'may*'] })],
      [
        'trust[0].roles.agent[1].aud: is in every token, so it would make everybody agent: name a claim that tells them apart',
        'trust[1].roles.agent.aud: is in every token, so it would make everybody agent: name a claim that tells them apart',
      ],
    ],
    [
      'a path without its slash',
      rule(SPIFFE, { path: 'agents/*' }),
      [
        'trust[0].roles.agent.path: must be a path or a glob of paths that begins with a slash, such as /ns/agents/sa/planner',
      ],
    ],
    ['every path', rule(SPIFFE, { path: '/*' }), [`trust[0].roles.agent: ${EVERYBODY}`]],
    [
      'every ID',
      rule(SPIFFE, { spiffe_id: 'spiffe://prod.example/*' }),
      [`trust[0].roles.agent: ${EVERYBODY}`],
    ],
    ...['spiffe:*', 'spiffe*', '*/*', 'spiffe://*/*', 'spiffe://prod.example*'].map(
      (sub): [string, object, string[]] => [
        `every ID, by sub ${sub}`,
        rule(SPIFFE, { sub }),
        [`trust[0].roles.agent: ${EVERYBODY}`],
      ],
    ),
    [
      'an ID of another trust domain',
      rule(SPIFFE, [{ path: '/a' }, { spiffe_id: 'spiffe://staging.example/agents/a' }]),
      [
        'trust[0].roles.agent[1].spiffe_id: is not of the trust domain prod.example, so it would match nobody',
      ],
    ],
    // Runs.
    [
      'runs with what is not in the catalogue',
      {
        ...GITHUB,
        runs: {
          tools: [
            { tool: 'erp', actions: ['read'] },
            { tool: 'crm', actions: ['drop'] },
          ],
        },
      },
      [
        'trust[0].runs.tools[0].tool: "erp" is not in the catalogue under tools',
        'trust[0].runs.tools[1].actions[0]: "drop" is no action of crm',
      ],
    ],
    [
      'runs that no agent could begin',
      { ...GITHUB, roles: { orchestrator: { repository_id: 1 } }, runs: RUNS },
      [
        'trust[0].runs: needs a rule for the role agent: the first exchange of an agent opens the task of its run',
      ],
    ],
    [
      'runs that last longer than any task',
      { ...GITHUB, runs: { ...RUNS, ttl: '25h' } },
      ['trust[0].runs.ttl: must not be longer than tasks.max_ttl (1d)'],
    ],
    [
      'names of runs that others have',
      { ...GITHUB, runs: { ...RUNS, task_prefix: 'task-' } },
      ['trust[0].runs.task_prefix: is how the broker begins ids of its own: choose another'],
    ],
    [
      'names of runs without an end',
      { ...GITHUB, runs: { ...RUNS, task_prefix: 'gh' } },
      [
        'trust[0].runs.task_prefix: must be 2 to 16 letters, digits, - and _ that begin with a letter and end with - or _, such as gh-',
      ],
    ],
    [
      'names of runs that begin like those of another',
      [
        { ...GITHUB, runs: RUNS },
        {
          ...GITHUB,
          name: 'ghes',
          issuer: 'https://ghes.example/_services/token',
          runs: { ...RUNS, task_prefix: 'gh-es-' },
        },
      ],
      ['trust[1].runs.task_prefix: is that of github as well, or begins like it: give each its own'],
    ],
  ])('%s', async (_, trust, expected) => {
    expect(await mistakesIn([trust].flat())).toEqual(expected);
  });

  test('in how long ends of runs are known: a run may go on for so long, and must not open its task again', async () => {
    const runs = [{ ...GITHUB, runs: RUNS }];
    const kept = (retention: string) => mistakesIn(runs, { task_retention: retention });
    expect(await kept('30d')).toEqual([]);
    expect(await kept('29d')).toEqual([
      'task_retention: must be at least 30d where runs have tasks: a run that goes on after the end of its task was forgotten would open it again',
    ]);
    expect(await mistakesIn([GITHUB], { task_retention: '29d' })).toEqual([]);
  });

  test('in one entry hides none in another', async () => {
    const trust = [
      rule(KUBERNETES, { service_account: 'planner' }),
      { ...GITHUB, kind: 'gitlab' },
      rule(SPIFFE, { path: 'x' }),
    ];
    expect((await mistakesIn(trust)).map((mistake) => mistake.split(':')[0])).toEqual([
      'trust[0].roles.agent',
      'trust[1].kind',
      'trust[2].roles.agent.path',
    ]);
  });
});
