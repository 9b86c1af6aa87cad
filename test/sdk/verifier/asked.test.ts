// What the feed alone cannot say: proofs of keys, single use, and the broker's word where the feed is too old.
import { afterEach, describe, expect, test } from '@jest/globals';
import { type ShownRequest, Verifier, type VerifierOptions } from '../../../src/sdk/verifier/index.js';
import { digested, type Members, Prover } from '../../fixtures/prover.js';
import { until } from '../../fixtures/until.js';
import { READ, VerifierScene } from './scene.js';

let scene: VerifierScene;
afterEach(() => scene.stop());

const URL_OF_CALL = 'https://crm.example/customers/7';

const shown = (proofs: readonly string[], more: Partial<ShownRequest> = {}): ShownRequest => ({
  method: 'GET',
  url: URL_OF_CALL,
  proofs,
  scheme: 'DPoP',
  ...more,
});
const tried = (token: string, request?: ShownRequest): Promise<string> =>
  scene.tried(token, { tool: 'crm', action: 'read', ...(request && { request }) });

describe('a credential that is bound to a key', () => {
  const prover = new Prover({ now: () => scene.feed.now() });
  const bound = (): string => scene.feed.credential({ cnf: { jkt: prover.jkt } });
  const proofFor = (token: string, claims: Members = {}, url = URL_OF_CALL, by = prover): string =>
    by.proof('GET', url, { claims: { ath: digested(token), ...claims } });

  test('opens with a proof for this very request, and each proof once', async () => {
    scene = await VerifierScene.start();
    const token = bound();
    const proof = proofFor(token);
    expect(await tried(token, shown([proof]))).toBe('accepted');
    expect(await tried(token, shown([proof]))).toBe('ERR_PROOF_REPLAYED');
    expect(await tried(token, shown([proofFor(token)]))).toBe('accepted');
    // For as long as it would be good, whatever became of the time.
    scene.pass(59_000);
    await until('a heartbeat came', () => scene.verifier.status.fresh);
    expect(await tried(token, shown([proof]))).toBe('ERR_PROOF_REPLAYED');
  });

  test('does not open with anything else', async () => {
    scene = await VerifierScene.start();
    const token = bound();
    const other = new Prover({ now: () => scene.feed.now() });
    const proof = (): string => proofFor(token);
    expect(await tried(token)).toBe('ERR_PROOF_MISSING');
    expect(await tried(token, shown([]))).toBe('ERR_PROOF_MISSING');
    expect(await tried(token, shown([proof()], { scheme: 'Bearer' }))).toBe('ERR_PROOF_MISSING');
    for (const wrong of [
      shown([proof(), proof()]),
      shown([proof()], { method: 'POST' }),
      shown([proof()], { url: `${URL_OF_CALL}1` }),
      shown([proofFor(token, {}, URL_OF_CALL, other)]),
      shown([proofFor(token, { ath: undefined })]),
      shown([proofFor(bound())]),
      shown([proofFor(token, { iat: Math.floor(scene.feed.now() / 1000) - 120 })]),
      shown([proofFor(token, { iat: Math.floor(scene.feed.now() / 1000) + 120 })]),
      shown([`${proof().slice(0, -8)}AAAAAAAA`]),
      shown(['x']),
    ])
      expect(await tried(token, wrong)).toBe('ERR_PROOF_INVALID');
  });

  test('is refused by a header that says DPoP', async () => {
    scene = await VerifierScene.start();
    const refusal = await scene.verifier
      .verify(bound(), { tool: 'crm', action: 'read', request: shown([]) })
      .catch((error: unknown) => error);
    expect(refusal).toMatchObject({
      status: 401,
      wwwAuthenticate: expect.stringMatching(/^DPoP error="invalid_dpop_proof", algs="ES256 /),
    });
  });

  test('is not what one that is shown as bound, and is not, becomes', async () => {
    scene = await VerifierScene.start();
    const token = scene.feed.credential();
    expect(await tried(token, shown([proofFor(token)]))).toBe('ERR_PROOF_INVALID');
  });
});

const once = (): string => scene.feed.credential({ single_use: true }, { typ: 'mayfly-single-use+jwt' });

describe('one that is good once', () => {
  test('is accepted by the broker’s word alone', async () => {
    scene = await VerifierScene.start();
    const token = once();
    const { jti } = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as Members;
    const answers: object[] = [{ active: true, jti, single_use: true }, { active: false }];
    scene.feed.introspection = () => answers.shift()!;
    const want = { tool: 'crm', action: 'read' };
    expect((await scene.verifier.verify(token, want)).confirmedBy).toBe('introspection');
    expect(await scene.tried(token)).toBe('ERR_SINGLE_USE');
    // Another action does not use it up.
    expect(await scene.tried(token, { tool: 'crm', action: 'write' })).toBe('ERR_ACTION');
    expect(scene.feed.introspected).toEqual([token, token]);
  });

  test('is not accepted where the broker means another one, or cannot be asked', async () => {
    scene = await VerifierScene.start();
    scene.feed.introspection = () => ({ active: true, jti: 'lease_x', single_use: true });
    expect(await scene.tried(once())).toBe('ERR_INTROSPECTION_UNAVAILABLE');
    scene.feed.instead.set('/introspect', (_request, response) => response.writeHead(503).end());
    expect(await scene.tried(once())).toBe('ERR_INTROSPECTION_UNAVAILABLE');
  });
});

test('where that was chosen, the broker is asked while the feed is too old, and only then', async () => {
  scene = await VerifierScene.start({ whenStale: 'introspect', maxStalenessMs: 300 });
  const { feed, verifier } = scene;
  const token = feed.credential();
  const { jti } = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as Members;
  feed.introspection = () => ({ active: true, jti });
  const want = { tool: 'crm', action: 'read' };
  expect((await verifier.verify(token, want)).confirmedBy).toBe('feed');
  feed.beating = false;
  await scene.told('stale');
  expect((await verifier.verify(token, want)).confirmedBy).toBe('introspection');
  feed.introspection = () => ({ active: false });
  expect(await scene.tried(token)).toBe('ERR_REVOKED');
  feed.instead.set('/introspect', (_request, response) => response.end('gone'));
  expect(await scene.tried(token)).toBe('ERR_INTROSPECTION_UNAVAILABLE');
  feed.beating = true;
  await scene.becomes(token, 'accepted');
});

describe('a session that runs on a credential', () => {
  test('is told at once when its task dies, and by which reason', async () => {
    scene = await VerifierScene.start();
    const token = scene.feed.credential();
    const credential = await scene.verifier.verify(token, { tool: 'crm', action: null });
    using watch = scene.verifier.watch(credential);
    expect(watch.signal.aborted).toBe(false);
    scene.feed.kill('task', 'run-42');
    await until('it is told', () => watch.signal.aborted);
    expect(watch.signal.reason).toMatchObject({ code: 'ERR_REVOKED' });
  });

  test('is told when it runs out, and that what it was never given is dead', async () => {
    scene = await VerifierScene.start();
    const credential = await scene.verifier.verify(scene.feed.credential(), { tool: 'crm', action: null });
    const watch = scene.verifier.watch(credential);
    scene.pass(301_000);
    await until('it is told', () => watch.signal.aborted);
    expect(watch.signal.reason).toMatchObject({ code: 'ERR_EXPIRED' });
    expect(scene.verifier.watch({ ...credential }).signal.reason).toMatchObject({ code: 'ERR_REVOKED' });
  });
});

describe('calls are told to the broker', () => {
  test('whatever a program put into them: what cannot be told is lost, and ends nothing', async () => {
    scene = await VerifierScene.start();
    const { feed, verifier } = scene;
    const token = feed.credential();
    await verifier.verify(token, { ...READ, detail: { rows: 12n } as never });
    await verifier.verify(token, { ...READ, resource: 'customers/7' });
    await until('the other one is told', () => feed.batches.length > 0);
    expect([feed.batches[0]!.calls.length, verifier.status.reports.lost]).toEqual([1, 1]);
    for (const wrong of [{ resource: { of: '7' } }, { resource: ['7', '8'] }, { action: ['read'] }]) {
      const asked = verifier.verify(token, { ...READ, ...wrong } as never);
      await expect(asked).rejects.toMatchObject({ code: 'ERR_USAGE' });
    }
  });

  test('in batches, each call once, whoever was refused with the reason', async () => {
    scene = await VerifierScene.start();
    const { feed } = scene;
    const token = feed.credential();
    for (let n = 0; n < 3; n++) await scene.tried(token, { tool: 'crm', action: 'read', detail: { n } });
    await scene.tried(token, { tool: 'crm', action: 'write', resource: 'customers/7' });
    await scene.tried('garbage');
    await scene.tried(undefined);
    const credential = await scene.verifier.verify(token, { tool: 'crm', action: null });
    scene.verifier.reportCall(credential, { tool: 'crm', action: 'read' });
    await until('they are told', () => feed.batches.length > 0);
    const [{ calls, batch } = { calls: [], batch: '' }] = feed.batches;
    expect(batch).toMatch(/^[\w-]{1,64}$/);
    const known = { tool: 'crm', task: 'run-42', agent: 'cluster/agent-7', lease: credential.leaseId };
    expect(calls).toEqual([
      ...[0, 1, 2].map((n) =>
        expect.objectContaining({ ...known, action: 'read', outcome: 'accepted', detail: { n } }),
      ),
      expect.objectContaining({
        ...known,
        action: 'write',
        resource: 'customers/7',
        outcome: 'refused',
        reason: 'action',
      }),
      {
        at: expect.stringMatching(/^\d{4}-.*Z$/),
        tool: 'crm',
        action: 'read',
        outcome: 'refused',
        reason: 'token_malformed',
        token_digest: digested('garbage'),
      },
      expect.objectContaining({ ...known, action: 'read', outcome: 'accepted' }),
    ]);
    expect(JSON.stringify(feed.batches)).not.toContain(token);
  });

  test('again under the same name where the answer was lost, and what does not fit is counted', async () => {
    scene = await VerifierScene.start();
    const { feed, verifier } = scene;
    const names: string[] = [];
    feed.instead.set('/v1/audit/tool-calls', (request, response) => {
      request.on('data', (text: Buffer) => {
        const [, name] = /"batch":"([^"]+)"/.exec(text.toString()) ?? [];
        if (name !== undefined) names.push(name);
      });
      request.on('end', () => response.writeHead(503).end());
    });
    const token = feed.credential();
    for (let n = 0; n < 10_600; n++) await scene.tried(token);
    await until('it was tried twice', () => names.length >= 2);
    expect(new Set(names).size).toBe(1);
    expect(verifier.status.reports.waiting).toBeLessThanOrEqual(10_500);
    await scene.told('reports_lost');
    const { lost } = verifier.status.reports;
    expect(lost).toBeGreaterThanOrEqual(100);
    feed.instead.clear();
    await until('all are told', () => verifier.status.reports.waiting === 0);
    expect(feed.batches[0]!.batch).toBe(names[0]);
    expect(feed.batches.reduce((sum, { dropped = 0 }) => sum + dropped, 0)).toBe(lost);
    expect(feed.batches.reduce((sum, { calls }) => sum + calls.length, 0)).toBe(10_600 - lost);
  });

  test('of one tool, whatever becomes of those of another that the broker does not let us speak for', async () => {
    const tools = ['mail', 'crm'].map((name) => [
      name,
      { audience: `https://${name}.example`, plane: 'data' },
    ]);
    scene = await VerifierScene.start({ tools: Object.fromEntries(tools) as VerifierOptions['tools'] });
    const { feed } = scene;
    feed.instead.set('/v1/audit/tool-calls', (request, response) => {
      let body = '';
      request.on('data', (text: Buffer) => (body += text.toString()));
      request.on('end', () => {
        const foreign = body.includes('"mail"');
        if (!foreign) feed.batches.push(JSON.parse(body) as (typeof feed.batches)[number]);
        response.writeHead(foreign ? 404 : 202).end('{}');
      });
    });
    const token = feed.credential();
    await scene.tried(token, { tool: 'mail', action: 'send' });
    await scene.tried(token);
    await scene.tried(token, { tool: 'mail', action: 'send' });
    await scene.tried(token);
    await scene.told('reports_lost');
    await until('the others are told', () => feed.batches.length > 0);
    expect(feed.batches.flatMap(({ calls }) => calls)).toMatchObject([{ tool: 'crm' }, { tool: 'crm' }]);
    expect(scene.kinds('reports_lost')).toMatchObject([
      { count: 2, reason: expect.stringContaining('has not the role verifier for that tool') },
    ]);
  });

  test('whatever callers put into one of them', async () => {
    scene = await VerifierScene.start();
    const { feed, verifier } = scene;
    const token = feed.credential();
    const credential = await verifier.verify(token, { tool: 'crm', action: null });
    const report = (resource: string, more: object = {}): void =>
      verifier.reportCall(credential, { tool: 'crm', action: 'read', resource, ...more });
    const refusedOnce: string[] = [];
    feed.instead.set('/v1/audit/tool-calls', (request, response) => {
      let body = '';
      request.on('data', (text: Buffer) => (body += text.toString()));
      request.on('end', () => {
        const poisoned = body.includes('poison');
        if (poisoned) refusedOnce.push(body);
        else feed.batches.push(JSON.parse(body) as (typeof feed.batches)[number]);
        response.writeHead(poisoned ? 400 : 202).end('{}');
      });
    });
    report('\u0000'.repeat(100_000));
    report('', { detail: { Bad: 1, long: 'x'.repeat(100), n: 1 } });
    report('poison');
    for (let n = 0; n < 40; n++) report(`customers/${n}`);
    await until('all are told but one', () => verifier.status.reports.waiting === 0);
    expect(verifier.status.reports.lost).toBe(1);
    const calls = feed.batches.flatMap((batch) => batch.calls);
    expect(calls).toHaveLength(42);
    expect(calls[0]!['resource']).toHaveLength(512);
    expect(calls[1]).toMatchObject({ detail: { long: 'x'.repeat(32), n: 1 } });
    expect(calls[1]).not.toHaveProperty('resource');
  });

  test('as far as they wait when it is closed', async () => {
    scene = await VerifierScene.start();
    await scene.tried(scene.feed.credential());
    await scene.verifier.close();
    expect(scene.feed.batches.map(({ calls }) => calls.length)).toEqual([1]);
    expect(await scene.tried(scene.feed.credential())).toBe('ERR_STALE');
  });
});

test('options that cannot be meant are refused', () => {
  const crm = { audience: 'https://crm.example', plane: 'data' } as const;
  const good = { broker: 'https://mayfly.example', token: 'a.b.c', tools: { crm } };
  for (const wrong of [
    { broker: 'http://mayfly.example' },
    { maxStalenessMs: 0 },
    { tools: {} },
    { whenStale: 'accept' },
    { tools: { crm: { audience: '', plane: 'data' } } },
  ] as object[])
    expect(() => new Verifier({ ...good, ...wrong })).toThrow(expect.objectContaining({ code: 'ERR_USAGE' }));
});

test('without a broker it says why it is not ready', async () => {
  scene = await VerifierScene.start({ token: { file: '/nowhere' } }, () => undefined);
  await expect(scene.verifier.ready({ timeoutMs: 100 })).rejects.toMatchObject({
    code: 'ERR_TIMEOUT',
    message: expect.stringContaining('/nowhere'),
  });
});
