// The programs on docs/dpop.md run as they stand there: two agents, and a tool that lets nobody in with a stolen credential.
import type { ChildProcess } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { freePort } from '../../examples/demo/port.js';
import { systemClock } from '../../src/domain/clock.js';
import { settingsFrom } from '../../src/config/load.js';
import { GOOD } from '../config/fixture.js';
import { TestBroker } from '../fixtures/broker.js';
import { digested, Prover } from '../fixtures/prover.js';
import { page, program, run, startTool } from './dpop-programs.js';

/** What it wrote. @throws Error where it fails. */
async function outputOf(code: string, env: Record<string, string>): Promise<string> {
  const child = run(code, env);
  const written = { out: '', err: '' };
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (written.out += text));
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (written.err += text));
  const exit = await new Promise((done) => child.once('close', done));
  if (exit !== 0) throw new Error(`it ended with ${String(exit)}:\n${written.err}`);
  return written.out.trim();
}

describe.each(['optional', 'required'] as const)('with nonces %s', (nonces) => {
  let broker: TestBroker;
  let crm: ChildProcess;
  let env: { MAYFLY_URL: string; MAYFLY_TOKEN: string; CRM_URL: string };
  beforeAll(async () => {
    broker = await TestBroker.start({ terms: { dpop: { nonces } } });
    await broker.openTask({ id: 'run-42' });
    env = {
      MAYFLY_URL: broker.url,
      MAYFLY_TOKEN: broker.workloads.token('agent-1'),
      CRM_URL: `http://127.0.0.1:${await freePort()}`,
    };
    crm = await startTool(env);
  });
  afterAll(async () => {
    crm?.kill();
    await broker?.stop();
  });

  test('the agent with mayfly/client gets a bound credential, is let in with it, and renews it', async () => {
    expect(await outputOf(program('client'), env)).toBe('DPoP 200 200');
  });

  test('the agent with openid-client gets a bound credential and renews it', async () => {
    expect(await outputOf(program('agent'), env)).toBe('dpop DPoP');
  });

  test('the agent with nothing but Node gets one, and is let in by the tool', async () => {
    expect(await outputOf(program('proof') + program('exchange'), env)).toBe('200');
  });

  test('the tool lets in nobody else', async () => {
    const [own, thief] = [new Prover(systemClock()), new Prover(systemClock())];
    const exchange = (claims: object) =>
      broker.call<{ access_token: string }>('POST', '/token', {
        form: broker.exchangeForm('agent-1', { task_id: 'run-42', audience: 'crm' }),
        headers: { dpop: own.proof('POST', `${broker.url}/token`, { claims: { ...claims } }) },
      });
    const nonce = (await exchange({})).headers.get('dpop-nonce');
    const token = (await exchange(nonce === null ? {} : { nonce })).body.access_token;

    const url = `${env.CRM_URL}/customers/42`;
    const ath = digested(token);
    const call = async (headers: Record<string, string>): Promise<number> =>
      (await fetch(url, { headers })).status;
    const authorization = `DPoP ${token}`;
    const good = own.proof('GET', url, { claims: { ath } });
    expect(await call({ authorization, dpop: good })).toBe(200);
    expect(await call({ authorization, dpop: good })).toBe(401);
    expect(await call({ authorization: `Bearer ${token}` })).toBe(401);
    expect(await call({ authorization })).toBe(401);
    expect(await call({ authorization, dpop: own.proof('GET', url) })).toBe(401);
    expect(await call({ authorization, dpop: own.proof('POST', url, { claims: { ath } }) })).toBe(401);
    expect(await call({ authorization, dpop: own.proof('GET', `${url}1`, { claims: { ath } }) })).toBe(401);
    expect(await call({ authorization, dpop: own.proof('GET', url, { claims: { ath, iat: 1 } }) })).toBe(401);
    expect(await call({ authorization, dpop: thief.proof('GET', url, { claims: { ath } }) })).toBe(401);
  });
});

const numberInTool = (pattern: RegExp): number =>
  Number(pattern.exec(program('tool'))?.[1]?.replace('_', ''));

test('the tool remembers a used proof for longer than jose takes it: whole seconds, and tolerance at both ends', () => {
  const longest = numberInTool(/maxTokenAge: (\d+)/) + 2 * numberInTool(/clockTolerance: (\d+)/) + 1;
  expect(numberInTool(/used\.delete\(payload\.jti\), ([\d_]+)/)).toBeGreaterThanOrEqual(longest * 1000);
});

test('a proof takes less than 20 lines', () => {
  expect(program('proof').split('\n').length).toBeLessThan(20);
});

test('the configuration that it shows is what is in force without any', async () => {
  const [, shown = ''] = /```yaml\n(dpop:.*?)```/s.exec(page) ?? [];
  expect(Object.keys(parse(shown).dpop as object)).toHaveLength(3);
  const given = await settingsFrom(`${GOOD}\n${shown}`, 'mayfly.yaml');
  expect(given.dpop).toEqual((await settingsFrom(GOOD, 'mayfly.yaml')).dpop);
});
