// Keys on the command line (DPoP): files for their owner alone, bound credentials and their renewal, bound workload tokens.
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose';
import type { CliEnvironment } from '../../src/config/environment.js';
import { Secret } from '../../src/domain/secret.js';
import { TestBroker } from '../fixtures/broker.js';
import { CRM, SEARCH } from '../fixtures/broker-configuration.js';
import { answering, inPlaceOfBroker } from '../fixtures/in-place-of-broker.js';
import { type Ran, ran } from './fake-shell.js';

const folder = mkdtempSync(join(tmpdir(), 'mayfly-dpop-test-'));
let broker: TestBroker;
beforeAll(async () => {
  const tools = { crm: { ...CRM, require_dpop: true }, search: SEARCH };
  broker = await TestBroker.start({ terms: { dpop: { nonces: 'required' }, tools } });
  await broker.openTask({ id: 'run-1', tools: [{ tool: 'crm', actions: ['read'] }] });
});
afterAll(async () => {
  await broker.stop();
  rmSync(folder, { recursive: true, force: true });
});

let files = 0;
const newFile = (): string => join(folder, `agent-${++files}.jwk`);

const as = (
  sub: string,
  args: readonly string[],
  { claims = {}, ...environment }: CliEnvironment & { claims?: object } = {},
): Promise<Ran> => {
  const token = new Secret(broker.workloads.sign(sub, { ...claims }));
  return ran(args, { environment: { url: broker.url, token, ...environment } });
};
const jsonOf = ({ out }: Ran): Record<string, unknown> => JSON.parse(out) as Record<string, unknown>;
const key = async (): Promise<object> =>
  exportJWK((await generateKeyPair('ES256', { extractable: true })).privateKey);
const exchange = ['token', '--task', 'run-1', '--tool', 'crm'];

describe('mayfly dpop-key', () => {
  test('new makes a file for its owner alone, and prints what show prints, which others compute as well', async () => {
    const file = newFile();
    const made = await ran(['dpop-key', 'new', file]);
    expect([made.exit, made.err]).toEqual([0, '']);
    expect(made.out).toMatch(/^[\w-]{43}\n$/);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect((await ran(['dpop-key', 'show', file])).out).toBe(made.out);
    const named = await ran(['dpop-key', 'show', '--json'], { environment: { dpopKeyFile: file } });
    const jwk = JSON.parse(readFileSync(file, 'utf8')) as { d: string };
    expect(jsonOf(named)).toEqual({
      thumbprint: made.out.trim(),
      jwk: { kty: 'EC', crv: 'P-256', x: expect.any(String), y: expect.any(String) },
    });
    expect(`${await calculateJwkThumbprint(jwk)}\n`).toBe(made.out);
    expect(named.out).not.toContain(jwk.d);
  });

  test('new never takes the place of another key', async () => {
    const file = newFile();
    await ran(['dpop-key', 'new', file]);
    const before = readFileSync(file, 'utf8');
    const { exit, err } = await ran(['dpop-key', 'new', file]);
    expect([exit, err]).toEqual([2, expect.stringContaining('is there already')]);
    expect(readFileSync(file, 'utf8')).toBe(before);
  });

  test('new says where it cannot write, and show where there is nothing to show', async () => {
    expect((await ran(['dpop-key', 'new', join(folder, 'nowhere', 'key')])).exit).toBe(2);
    expect((await ran(['dpop-key', 'show'])).exit).toBe(2);
  });
});

describe('a key file', () => {
  test.each([
    ['that others can read', key, 0o644, 'is open to others: chmod 600'],
    ['that the group can read', key, 0o640, 'is open to others'],
    ['that others can write', key, 0o602, 'is open to others'],
    ['that holds no JSON', async () => 'a secret', 0o600, 'is no JWK'],
    ['that holds a key of another kind', async () => ({ kty: 'oct', k: 'YQ' }), 0o600, 'an EC key'],
    ['that is far too large', async () => ' '.repeat(20_000), 0o600, 'is no JWK'],
  ])('%s is refused, unseen, and nothing is sent', async (_name, make, mode, why) => {
    const file = newFile();
    const content = await make();
    const text = typeof content === 'string' ? content : JSON.stringify(content);
    writeFileSync(file, text, { mode });
    chmodSync(file, mode);
    const server = await inPlaceOfBroker(answering(500, {}));
    const { exit, out, err } = await as('agent-1', [...exchange, '--dpop-key', file], { url: server.url });
    server.close();
    expect([exit, out, err]).toEqual([78, '', expect.stringContaining(why)]);
    const { d = 'a secret' } = content as { d?: string };
    expect(err).not.toContain(d);
    expect(server.seen).toEqual([]);
  });

  test('that is not there is refused where it would be used, and not where it would not', async () => {
    const dpopKeyFile = join(folder, 'nowhere');
    expect(await as('agent-1', exchange, { dpopKeyFile })).toMatchObject({
      exit: 78,
      err: expect.stringContaining('is not there'),
    });
    expect((await as('agent-1', ['tool', 'list'], { dpopKeyFile })).exit).toBe(0);
  });

  test('may be a link, as in a mounted secret: what it leads to is looked at', async () => {
    const [file, link] = [newFile(), newFile()];
    await ran(['dpop-key', 'new', file]);
    symlinkSync(file, link);
    expect((await ran(['dpop-key', 'show', link])).exit).toBe(0);
    chmodSync(file, 0o604);
    expect((await ran(['dpop-key', 'show', link])).exit).toBe(78);
  });
});

describe('a tool that asks for proofs, and a broker that asks for nonces', () => {
  let file: string;
  let jkt: string;
  beforeEach(async () => {
    file = newFile();
    jkt = (await ran(['dpop-key', 'new', file])).out.trim();
  });

  test('give a bound credential with a key, and none without', async () => {
    const bare = await as('agent-1', exchange);
    expect([bare.exit, bare.out]).toEqual([1, '']);
    expect(bare.err).toContain('A DPoP proof is required.');
    const issued = jsonOf(await as('agent-1', [...exchange, '--json', '--dpop-key', file]));
    expect(issued['token_type']).toBe('DPoP');
    const shown = jsonOf(await as('agent-1', ['lease', 'show', String(issued['lease_id']), '--json']));
    expect(shown['cnf']).toEqual({ jkt });
  });

  test('renew it with the same key, by an option or by the environment, and with no other', async () => {
    const issued = jsonOf(await as('agent-1', [...exchange, '--json'], { dpopKeyFile: file }));
    const renew = ['lease', 'renew', String(issued['lease_id']), '--json'];
    const renewed = jsonOf(await as('agent-1', [...renew, '--dpop-key', file]));
    expect([renewed['token_type'], renewed['lease_id']]).toEqual(['DPoP', issued['lease_id']]);
    const other = newFile();
    await ran(['dpop-key', 'new', other]);
    expect(await as('agent-1', [...renew, '--dpop-key', other], { dpopKeyFile: file })).toMatchObject({
      exit: 4,
      err: expect.stringContaining('by another key'),
    });
    expect((await as('agent-1', renew)).exit).toBe(4);
    // What is given back needs no proof.
    expect((await as('agent-1', ['lease', 'release', String(issued['lease_id'])])).exit).toBe(0);
  });

  test('a bound workload token is good for every command with its key, and sent by none without', async () => {
    const claims = { cnf: { jkt } };
    const withKey = { claims, dpopKeyFile: file };
    const issued = jsonOf(await as('agent-1', [...exchange, '--json'], withKey));
    const lease = String(issued['lease_id']);
    expect((await as('agent-1', ['lease', 'list', '--task', 'run-1'], withKey)).exit).toBe(0);
    expect((await as('operator', ['revoke', '--lease', lease, '--reason', 'x'], withKey)).exit).toBe(0);
    const other = newFile();
    await ran(['dpop-key', 'new', other]);
    for (const [dpopKeyFile, why] of [
      [{}, 'no dpop key was given'],
      [{ dpopKeyFile: other }, 'the dpop key is another one'],
    ] as const) {
      const refused = await as('agent-1', ['tool', 'list'], { claims, ...dpopKeyFile });
      expect([refused.exit, refused.err]).toEqual([4, expect.stringContaining(why)]);
    }
  });
});
