// `mayfly recover`: asks before it does anything, asks the broker until nothing is left, and says how to go on.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, test } from '@jest/globals';
import { freePort } from '../../examples/demo/port.js';
import { Secret } from '../../src/domain/secret.js';
import type { RecoveryPreview, RecoveryView } from '../../src/wire/recovery.js';
import { ran } from './fake-shell.js';

const token = new Secret('header.payload.signature');
const CUTOFF = '2026-03-01T12:00:00.000Z';
const NOW = 'Sun, 01 Mar 2026 12:00:01 GMT';
const PREVIEW: RecoveryPreview = { preview: true, dead: 12, settling: 1, at_least: true, tasks: 3 };
const KEY = { kid: 'k'.repeat(43), created_at: CUTOFF, signs_from: CUTOFF };
const VIEW: RecoveryView = {
  preview: false,
  cutoff: CUTOFF,
  reason: 'restored',
  dead: 12,
  settling: 1,
  tasks_closed: 3,
  done: true,
  quarantines: [{ agent: 'cluster/agent-7\u001b[2J', since: CUTOFF, by: 'cluster/operator' }],
  signing_keys: [KEY],
};
const { dead: _dead, settling: _settling, ...LATER } = VIEW;

interface Asked {
  readonly url: string;
  readonly body: unknown;
}
let close: (() => void) | undefined;
afterEach(() => {
  close?.();
  close = undefined;
});

/** In the place of a broker: a preview, then these answers, one after the other; a number is a status. */
async function broker(...answers: readonly (RecoveryView | number)[]) {
  const asked: Asked[] = [];
  const left = [...answers];
  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    asked.push({ url: request.url!, body: JSON.parse(await text(request)) as unknown });
    const answer = request.url!.endsWith('?preview=true') ? PREVIEW : (left.shift() ?? 500);
    response.writeHead(typeof answer === 'number' ? answer : 200, { date: NOW });
    response.end(JSON.stringify(typeof answer === 'number' ? {} : answer));
  };
  const server = createServer((request, response) => void respond(request, response));
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  close = () => {
    server.close();
    server.closeAllConnections();
  };
  const environment = { url: `http://127.0.0.1:${port}`, token };
  const recover = (args: readonly string[], answer?: string) =>
    ran(['recover', ...args], { environment, ...(answer !== undefined && { answer }) });
  return { asked, recover };
}

const REASON = ['--reason', 'restored'];

describe('before anything is done', () => {
  test('somebody at a terminal is told what would end, and asked', async () => {
    const { asked, recover } = await broker(VIEW);
    const { exit, err, asked: questions } = await recover(REASON, 'yes');
    expect(exit).toBe(0);
    expect(err).toMatch(/dead at once +at least 12 credentials\n/);
    expect(err).toMatch(/at targets +at least 1 credential\n/);
    expect(err).toMatch(/closed +3 tasks, with all below\n/);
    expect(questions).toEqual(['Kill and close? There is no way back. Type yes: ']);
    expect(asked).toEqual([
      { url: '/v1/recovery?preview=true', body: { reason: 'preview' } },
      { url: '/v1/recovery', body: { reason: 'restored' } },
    ]);
  });

  test.each(['no', '', 'y'])('an answer that is not yes ends it: %j', async (answer) => {
    const { asked, recover } = await broker(VIEW);
    const { exit, err, out } = await recover(REASON, answer);
    expect([exit, out, asked.length]).toEqual([1, '', 1]);
    expect(err).toContain('mayfly: nothing was recovered');
  });

  test.each([
    ['where nobody can be asked, without --yes', REASON, 'nobody can be asked here: say --yes to recover'],
    ['without a reason', ['--yes'], '--reason is needed'],
    [
      'with --cutoff and --keep-tasks',
      [...REASON, '--yes', '--keep-tasks', '--cutoff', CUTOFF],
      '--cutoff is for',
    ],
  ])('it is refused %s, and nothing is sent', async (_when, args, told) => {
    const { asked, recover } = await broker(VIEW);
    const { exit, err } = await recover(args);
    expect([exit, err, asked]).toEqual([2, expect.stringContaining(told), []]);
  });

  test('with --preview it only says what would end', async () => {
    const { asked, recover } = await broker();
    const { exit, out } = await recover(['--preview', '--keep-tasks']);
    expect([exit, out]).toEqual([0, expect.stringContaining('would be dead at once')]);
    expect(asked.map(({ url }) => url)).toEqual(['/v1/recovery?preview=true']);
  });
});

describe('what was done', () => {
  test('is told, with what is left to do by hand, and cannot act on the terminal', async () => {
    const { recover } = await broker(VIEW);
    const { out } = await recover([...REASON, '--yes']);
    expect(out).toMatch(/revoked +everything that was issued up to 2026-03-01 12:00:00Z \(1s ago\)\n/);
    expect(out).toMatch(/closed +3 tasks, with all below\n/);
    expect(out).toContain(`cluster/agent-7${String.raw`\x1b`}[2J`);
    for (const by of ['quarantine lift NAME', '--quarantine', 'revoke --key KID', KEY.kid])
      expect(out).toContain(by);
  });

  test('is asked for until no task is left, with the cut-off of the first answer, and added up', async () => {
    const { asked, recover } = await broker(
      { ...VIEW, tasks_closed: 100, done: false },
      { ...LATER, tasks_closed: 100, done: false },
      { ...LATER, tasks_closed: 1 },
    );
    const { exit, out, err } = await recover([...REASON, '--yes', '--json']);
    expect(exit).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ dead: 12, settling: 1, tasks_closed: 201, done: true });
    expect(err).toBe('100 tasks closed so far\n200 tasks closed so far\n');
    expect(asked.map(({ body }) => body)).toEqual([
      { reason: 'restored' },
      { reason: 'restored', cutoff: CUTOFF },
      { reason: 'restored', cutoff: CUTOFF },
    ]);
  });

  test('is told when it is interrupted, with the way to go on, which kills nothing more', async () => {
    const first = await broker({ ...VIEW, tasks_closed: 100, done: false }, 503);
    const { exit, err } = await first.recover([...REASON, '--yes']);
    expect(exit).toBe(69);
    expect(err).toContain(
      `all that was issued up to ${CUTOFF} is dead; 100 tasks closed, and there are more`,
    );
    expect(err).toContain(`to go on: the same command with --cutoff ${CUTOFF}`);
    close?.();
    const second = await broker(LATER);
    const { exit: ended, asked: questions } = await second.recover([...REASON, '--cutoff', CUTOFF], 'yes');
    expect([ended, questions]).toEqual([
      0,
      [`Close what was open at ${CUTOFF}? There is no way back. Type yes: `],
    ]);
    expect(second.asked).toEqual([{ url: '/v1/recovery', body: { reason: 'restored', cutoff: CUTOFF } }]);
  });

  test('with tasks to be kept is the kill alone', async () => {
    const { asked, recover } = await broker({ ...VIEW, tasks_closed: 0 });
    const { out, asked: questions } = await recover([...REASON, '--keep-tasks'], 'yes');
    expect(questions).toEqual(['Kill? There is no way back. Type yes: ']);
    expect(out).toMatch(/closed +no task\n/);
    expect(asked[1]).toEqual({ url: '/v1/recovery', body: { reason: 'restored', keep_tasks: true } });
  });
});
