// From a good file to settings: what is resolved, and what of the files that it names is read and checked.
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, symlinkSync, truncateSync, writeFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { devTrust } from '../../src/config/dev-trust.js';
import { loadSettings, settingsFrom } from '../../src/config/load.js';
import type { ConfigurationError } from '../../src/config/mistakes.js';
import { GOOD, changed, mistakesOf } from './fixture.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mayfly-config-'));
});

const write = (name: string, content: string): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};
const publicJwk = (name: 'P-256' | 'P-384', more: object = {}) => ({
  ...generateKeyPairSync('ec', { namedCurve: name }).publicKey.export({ format: 'jwk' }),
  ...more,
});
const DEV_JWKS = { keys: [publicJwk('P-256')] };

describe('a good file', () => {
  test('becomes settings with every default', async () => {
    const { catalogue, policyDigest, ...settings } = await loadSettings(write('mayfly.yaml', GOOD));
    expect(settings).toEqual({
      issuer: 'https://broker.example',
      listen: { host: '127.0.0.1', port: 8420 },
      trustedProxies: [],
      store: { kind: 'embedded', path: join(folder, 'mayfly.db') },
      keys: {
        algorithm: 'ES256',
        rotateEveryMs: 2_592_000_000,
        publishAheadMs: 600_000,
        clockSkewMs: 60_000,
      },
      feed: { heartbeatMs: 1000 },
      kills: { attempts: 6 },
      reconciliation: { everyMs: 600_000 },
      dpop: { nonces: 'optional', maxAgeMs: 60_000, clockToleranceMs: 30_000 },
      tasks: { maxTtlMs: 86_400_000 },
      limits: {
        requestsPerPrincipal: { perSecond: 1000, burst: 3000 },
        refusalsPerAddress: { perSecond: 2, burst: 200 },
        liveLeasesPerTask: 10_000,
        liveLeasesPerAgent: 10_000,
        openTasksPerOrchestrator: 10_000,
        openTasksPerTree: 1000,
        waitingPerPrincipal: 100,
        streams: 4096,
        streamsPerPrincipal: 2048,
        recordedRefusals: { perSecond: 2, burst: 1000 },
        summaryEveryMs: 10_000,
      },
      retention: { taskMs: 2_592_000_000, leaseMs: 86_400_000, auditMs: 7_776_000_000 },
      http: {
        bodyLimitBytes: 65_536,
        headerLimitBytes: 16_384,
        requestTimeoutMs: 30_000,
        headersTimeoutMs: 10_000,
        answerTimeoutMs: 30_000,
        idleTimeoutMs: 65_000,
        maxConnections: 8192,
        maxConnectionsPerAddress: 1024,
        drainTimeoutMs: 20_000,
      },
      logLevel: 'info',
      trust: [
        {
          name: 'cluster',
          kind: 'oidc',
          issuer: 'https://oidc.example',
          audiences: ['mayfly'],
          algorithms: ['ES256'],
          clockToleranceMs: 30_000,
          maxTokenAgeMs: 86_400_000,
          oneTime: false,
          roles: [
            { grant: { role: 'agent' }, claims: [{ claim: 'sub', anyOf: ['agent-*'] }] },
            { grant: { role: 'verifier', tools: ['crm'] }, claims: [{ claim: 'sub', anyOf: ['crm-api'] }] },
          ],
        },
      ],
    });
    expect(catalogue.byAudience('https://crm.example')).toEqual({
      name: 'crm',
      plane: 'data',
      audience: 'https://crm.example',
      actions: ['read', 'write'],
      sensitivity: 'internal',
      maxTtlMs: 300_000,
      renewable: false,
      credential: { kind: 'jwt' },
    });
    expect(policyDigest).toHaveLength(43);
  });

  test.each([
    ['127.0.0.1:0', { host: '127.0.0.1', port: 0 }],
    ['0.0.0.0:443', { host: '0.0.0.0', port: 443 }],
    ['localhost:8420', { host: 'localhost', port: 8420 }],
    ['"[::1]:8420"', { host: '::1', port: 8420 }],
    ['"[::]:8420"', { host: '::', port: 8420 }],
  ])('listens on %s', async (written, listen) => {
    expect(await settingsFrom(changed('127.0.0.1:8420', written), 'a.yaml')).toMatchObject({ listen });
  });

  test.each(['http://127.0.0.1:8420', 'http://localhost', 'http://[::1]:1', 'https://b.example:8443'])(
    'may be for a broker at %s, with or without a slash at the end',
    async (issuer) => {
      for (const written of [issuer, `${issuer}/`]) {
        expect(await settingsFrom(changed('https://broker.example', written), 'a.yaml')).toMatchObject({
          issuer,
        });
      }
    },
  );

  test.each([
    ['2048', 2048],
    ['64KiB', 65_536],
    ['1MiB', 1_048_576],
  ])('limits bodies to %s', async (written, bodyLimitBytes) => {
    const text = `http: { body_limit: ${written} }\n${GOOD}`;
    expect((await settingsFrom(text, 'a.yaml')).http).toMatchObject({ bodyLimitBytes });
  });

  test('may give a role by several rules, claims by several values, and to everybody where it says so', async () => {
    const rules = '[{ sub: [a, "b-*"], level: 7, staff: true }, { dangerously_any: true }]';
    const { trust } = await settingsFrom(changed('{ sub: "agent-*" }', rules), 'a.yaml');
    expect(trust[0]?.roles.slice(0, 2)).toEqual([
      {
        grant: { role: 'agent' },
        claims: [
          { claim: 'sub', anyOf: ['a', 'b-*'] },
          { claim: 'level', anyOf: [7] },
          { claim: 'staff', anyOf: [true] },
        ],
      },
      { grant: { role: 'agent' }, claims: [] },
    ]);
  });

  test('may use anchors and aliases', async () => {
    const text = changed('{ kind: jwt }', '&made { kind: jwt }').concat(
      '  erp: { plane: data, audience: "urn:erp", actions: [read], credential: *made }\n',
    );
    const { catalogue } = await settingsFrom(text, 'a.yaml');
    expect(catalogue.byName('erp')?.credential).toEqual({ kind: 'jwt' });
  });
});

describe('a file that cannot be read', () => {
  test('is a mistake without a line', async () => {
    const path = join(folder, 'none.yaml');
    await expect(loadSettings(path)).rejects.toThrow(`${path}: cannot be read (ENOENT)`);
    await expect(loadSettings(folder)).rejects.toThrow(`${folder}: cannot be read (EISDIR)`);
  });

  test('is one that is no UTF-8', async () => {
    writeFileSync(join(folder, 'latin.yaml'), Buffer.from([0x61, 0x3a, 0xe9]));
    await expect(loadSettings(join(folder, 'latin.yaml'))).rejects.toThrow('latin.yaml: must be UTF-8 text');
  });
});

describe('a key file', () => {
  const text = changed('    audience: mayfly', '    jwks_file: keys/set.json\n    audience: mayfly');
  const loadWith = (keySet: unknown) => {
    mkdirSync(join(folder, 'keys'));
    write('keys/set.json', typeof keySet === 'string' ? keySet : JSON.stringify(keySet));
    return loadSettings(write('mayfly.yaml', text));
  };

  test('is read, relative to the configuration', async () => {
    const keys = [publicJwk('P-256', { kid: 'a' }), publicJwk('P-384', { kid: 'b', use: 'enc' })];
    expect((await loadWith({ keys })).trust[0]).toMatchObject({ jwks: { keys } });
  });

  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const small = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' });
  test.each([
    ['no JSON', '{', 'is not JSON'],
    ['no key set', [], 'is not a key set: it must be {"keys": [ … ]} with at least one public key'],
    [
      'an empty key set',
      { keys: [] },
      'is not a key set: it must be {"keys": [ … ]} with at least one public key',
    ],
    [
      'a private key',
      { keys: [pair.privateKey.export({ format: 'jwk' })] },
      'keys[0] is a private key: only the public half belongs here',
    ],
    [
      'a symmetric key',
      { keys: [publicJwk('P-256'), { kty: 'oct', k: 'c2VjcmV0' }] },
      'keys[1] is symmetric: whoever can check a token could make one',
    ],
    [
      'no point of its curve',
      { keys: [publicJwk('P-256', { x: 'AAAA' })] },
      'keys[0] is no public key that can be used',
    ],
    ['a short RSA key', { keys: [small] }, 'keys[0] is an RSA key of 1024 bits: at least 2048'],
    [
      'two keys of one name',
      { keys: [publicJwk('P-256', { kid: 'a' }), publicJwk('P-256', { kid: 'a' })] },
      'keys[1] has the kid of an earlier key',
    ],
    ['no key for the algorithm', { keys: [publicJwk('P-384')] }, 'has no key for ES256'],
    ['keys for encryption only', { keys: [publicJwk('P-256', { use: 'enc' })] }, 'has no key for ES256'],
  ])('with %s is a mistake', async (_, keySet, flaw) => {
    const error = await loadWith(keySet).catch((thrown: unknown) => thrown);
    expect((error as ConfigurationError).mistakes).toEqual([
      {
        file: join(folder, 'mayfly.yaml'),
        line: 8,
        column: 16,
        path: 'trust[0].jwks_file',
        message: `keys/set.json: ${flaw}`,
      },
    ]);
  });
});

const loadWithPolicies = () => loadSettings(write('mayfly.yaml', `policies: ./policies\n${GOOD}`));

describe('policies', () => {
  test('are read from a folder in the order of their names, and are part of the digest', async () => {
    mkdirSync(join(folder, 'policies'));
    write('policies/b.cedar', 'forbid (principal, action, resource);');
    write('policies/a.cedar', 'permit (principal, action, resource);');
    write('policies/README', 'not a policy');
    const before = await loadWithPolicies();
    expect(before.policies?.files.map(({ name }) => name)).toEqual(['a.cedar', 'b.cedar']);
    write('policies/a.cedar', 'permit (principal, action, resource) when { true };');
    const { policyDigest } = await loadWithPolicies();
    expect(policyDigest).not.toBe(before.policyDigest);
    expect(policyDigest).not.toBe((await loadSettings(write('none.yaml', GOOD))).policyDigest);
  });

  test('tell a mistake by the place that the configuration was named by', async () => {
    mkdirSync(join(folder, 'policies'));
    write('policies/a.cedar', 'permit (principal, action, resource)');
    await expect(loadWithPolicies()).rejects.toThrow(`\n  ${join(folder, 'policies', 'a.cedar')}:1:37: `);
  });

  test('that would be passed over are a mistake: below the folder, or called otherwise', async () => {
    mkdirSync(join(folder, 'policies', 'deep'), { recursive: true });
    mkdirSync(join(folder, 'policies', '..data'));
    write('policies/a.cedar', 'permit (principal, action, resource);');
    write('policies/..data/a.cedar', 'permit (principal, action, resource);');
    await expect(loadWithPolicies()).resolves.toBeDefined();
    write('policies/deep/b.cedar', 'forbid (principal, action, resource);');
    await expect(loadWithPolicies()).rejects.toThrow(/deep\/b\.cedar would not be read: move it up/);
    rmSync(join(folder, 'policies', 'deep'), { recursive: true });
    write('policies/B.CEDAR', 'forbid (principal, action, resource);');
    await expect(loadWithPolicies()).rejects.toThrow(/B\.CEDAR would not be read: call it \.cedar/);
  });

  test('must be there: a folder without any is a mistake', async () => {
    mkdirSync(join(folder, 'policies'));
    await expect(loadWithPolicies()).rejects.toThrow(
      'mayfly.yaml:1:11: policies: ./policies: is a folder without a .cedar file',
    );
  });

  test('that cannot be read are told of each by its name, and a pipe is not waited for', async () => {
    mkdirSync(join(folder, 'policies'));
    write('policies/a.cedar', 'permit (principal, action, resource);');
    mkdirSync(join(folder, 'policies/folder.cedar'));
    writeFileSync(join(folder, 'policies/latin.cedar'), Buffer.from([0x2f, 0x2f, 0xff]));
    symlinkSync('nowhere', join(folder, 'policies/link.cedar'));
    truncateSync(write('policies/large.cedar', ''), 2 ** 25);
    execFileSync('mkfifo', [join(folder, 'policies/pipe.cedar')]);
    const error: unknown = await loadWithPolicies().catch((thrown: unknown) => thrown);
    const told = (error as ConfigurationError).mistakes.map(({ file, message }) => `${file}: ${message}`);
    expect(told).toEqual([
      'policies/folder.cedar: must be a file',
      'policies/large.cedar: is larger than 16777216 bytes: write several files',
      'policies/latin.cedar: must be UTF-8 text',
      'policies/link.cedar: cannot be read (ENOENT)',
      'policies/pipe.cedar: must be a file',
    ]);
  });
});

describe('the digest of what decides', () => {
  const erp =
    '  erp: { plane: data, audience: https://erp.example, actions: [read], credential: { kind: jwt } }\n';

  test('does not depend on the order of the catalogue', async () => {
    const first = await settingsFrom(changed('tools:\n', `tools:\n${erp}`), 'a.yaml');
    const second = await settingsFrom(GOOD + erp, 'a.yaml');
    expect(first.policyDigest).toBe(second.policyDigest);
  });

  test('changes with any part of a tool', async () => {
    const before = await settingsFrom(GOOD, 'a.yaml');
    for (const [from, to] of [
      ['plane: data', 'plane: tool'],
      ['[read, write]', '[read]'],
      ['{ kind: jwt }', '{ kind: jwt }\n    max_ttl: 4m'],
    ] as const) {
      expect((await settingsFrom(changed(from, to), 'a.yaml')).policyDigest).not.toBe(before.policyDigest);
    }
  });
});

describe('trust that the file does not name', () => {
  const without = GOOD.slice(0, GOOD.indexOf('trust:')) + GOOD.slice(GOOD.indexOf('tools:\n'));

  test('stands beside the rest, and may stand alone', async () => {
    const extraTrust = [devTrust('https://broker.example', DEV_JWKS)];
    expect((await settingsFrom(without, 'a.yaml', { extraTrust })).trust).toEqual(extraTrust);
    const { trust } = await settingsFrom(GOOD, 'a.yaml', { extraTrust });
    expect(trust.map(({ name }) => name)).toEqual(['cluster', 'dev']);
  });

  test('must not collide with the rest', async () => {
    const text = changed('name: cluster', 'name: dev').replace(
      'https://oidc.example',
      'https://broker.example/dev',
    );
    expect(await mistakesOf(text, { extraTrust: [devTrust('https://broker.example', DEV_JWKS)] })).toEqual([
      '5:11 trust[0].name: dev is taken: give each trusted issuer its own name',
      '7:13 trust[0].issuer: is the issuer of dev as well: put the roles of both in one entry',
    ]);
  });
});

describe('the examples', () => {
  test('for production load, and write out nothing but defaults where there are any', async () => {
    const { trust, catalogue, policies } = await loadSettings('config/mayfly.yaml');
    expect(trust.map(({ name }) => name)).toEqual(['cluster']);
    const tools = ['crm', 'search', 'web', 'mail', 'wiki', 'payroll', 'production'];
    expect(catalogue.all().map(({ name }) => name)).toEqual(tools);
    expect(policies?.warnings).toEqual([]);
  });

  test('for development load with the trust that is added at start', async () => {
    const dev = devTrust('http://127.0.0.1:8420', DEV_JWKS);
    const settings = await loadSettings('config/mayfly.dev.yaml', { extraTrust: [dev] });
    expect(settings.issuer).toBe('http://127.0.0.1:8420');
    expect(dev.issuer).toBe('http://127.0.0.1:8420/dev');
    expect(settings.catalogue.byName('crm')).toMatchObject({ sensitivity: 'confidential', renewable: true });
    // Whoever tries tools of his own can protect each of them.
    const all = dev.roles.filter(({ grant }) => grant.role === 'verifier' && grant.tools === undefined);
    expect(all).toMatchObject([{ claims: [{ claim: 'sub', anyOf: ['verifier'] }] }]);
    for (const tool of dev.roles.flatMap(({ grant }) => grant.tools ?? [])) {
      expect(settings.catalogue.byName(tool)).toBeDefined();
    }
  });
});
