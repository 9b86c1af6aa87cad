// What answers may be anything, and where the token goes is nobody else's choice.
import { mkdtempSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { freePort } from '../../examples/demo/port.js';
import { Secret } from '../../src/domain/secret.js';
import { ran } from './fake-shell.js';

const token = new Secret('header.payload.signature');
let close: (() => void) | undefined;

afterEach(() => {
  close?.();
  close = undefined;
});

/** A server in the place of a broker; answers its URL and the requests that it saw. */
async function answering(respond: (response: ServerResponse, request: IncomingMessage) => void) {
  const seen: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    seen.push(request);
    respond(response, request);
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${port}`, seen };
}

const json =
  (status: number, body: object, headers: Record<string, string> = {}) =>
  (response: ServerResponse): void => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };

const REQUEST = 'req_01m80y9f7s4epn6ks8nmdf';
const problem = (status: number, more: object = {}) =>
  json(
    status,
    { type: 'urn:mayfly:problem:odd', title: 'It is odd.', status, ...more },
    { 'x-request-id': REQUEST },
  );

describe('a refusal', () => {
  test.each([
    [400, 1],
    [409, 1],
    [413, 1],
    [401, 4],
    [403, 4],
    [404, 3],
    [500, 69],
    [503, 69],
  ])('with status %d ends with exit code %d', async (status, exit) => {
    const { url } = await answering(problem(status));
    const { exit: ended, err, out } = await ran(['tool', 'list'], { environment: { url, token } });
    expect([ended, out]).toEqual([exit, '']);
    expect(err).toBe(
      [
        'mayfly: It is odd.',
        `  request ${REQUEST}, status ${status} odd`,
        `  an operator or an auditor finds out more: mayfly why ${REQUEST}`,
        '',
      ].join('\n'),
    );
  });

  test('names every flaw, and cannot act on the terminal', async () => {
    const flaws = [
      { at: 'ttl', message: 'must be\u001b[2J shorter' },
      { at: 'agents[0]', message: 'must not be empty' },
    ];
    const { url } = await answering(problem(400, { detail: 'all in one', flaws }));
    const { err } = await ran(['tool', 'list'], { environment: { url, token } });
    expect(err).toContain(`  ttl: must be${String.raw`\x1b`}[2J shorter\n  agents[0]: must not be empty\n`);
    expect(err).not.toContain('all in one');
    expect(err).not.toContain('\u001b');
  });

  test('of an OAuth endpoint is told as well', async () => {
    const { url } = await answering(
      json(400, { error: 'invalid_target', error_description: 'The task is closed.' }),
    );
    const { exit, err } = await ran(['token', '--task', 'a', '--tool', 'b'], { environment: { url, token } });
    expect([exit, err]).toEqual([1, expect.stringContaining('mayfly: The task is closed.')]);
  });
});

describe('what is no broker', () => {
  test.each([
    ['a page of a proxy', 502, '<html>', 69, 'status 502'],
    ['a page instead of an answer', 200, '<html>', 69, 'no Mayfly broker'],
    ['JSON that says nothing', 404, 'null', 3, 'this may not be the broker'],
  ])('%s is told from one', async (_name, status, body, exit, told) => {
    const { url } = await answering((response) => response.writeHead(status).end(body));
    const { exit: ended, err } = await ran(['tool', 'list'], { environment: { url, token } });
    expect([ended, err]).toEqual([exit, expect.stringContaining(told)]);
  });

  test('is not followed anywhere else with the token', async () => {
    const elsewhere = { reached: false };
    const { url } = await answering((response, request) => {
      if (request.url === '/elsewhere') elsewhere.reached = true;
      response.writeHead(307, { location: '/elsewhere' }).end();
    });
    const exchange = await ran(['token', '--task', 'a', '--tool', 'b'], { environment: { url, token } });
    const listing = await ran(['tool', 'list'], { environment: { url, token } });
    expect([exchange.exit, listing.exit, elsewhere.reached]).toEqual([69, 69, false]);
  });

  test('or is not there: exit code 69', async () => {
    const { url } = await answering(json(200, {}));
    close?.();
    const { exit, err } = await ran(['tool', 'list'], { environment: { url, token } });
    expect([exit, err]).toEqual([
      69,
      `mayfly: the broker at ${url} cannot be reached: nothing listens there\n`,
    ]);
  });
});

describe('the URL', () => {
  test.each([
    ['http://broker.example', 'would carry your token unprotected'],
    ['http://127.0.0.1.example', 'would carry your token unprotected'],
    ['ftp://127.0.0.1', 'is no http or https URL'],
    ['127.0.0.1:8420', 'is no http or https URL'],
    ['https://user@broker.example', 'neither user, query nor fragment'],
    ['https://broker.example/?x', 'neither user, query nor fragment'],
  ])('%s is refused before anything is sent', async (url, message) => {
    const { exit, err } = await ran(['tool', 'list', '--url', url], { environment: { token } });
    expect([exit, err]).toEqual([2, expect.stringContaining(message)]);
  });

  test('may have a path, and goes before the environment', async () => {
    const { url, seen } = await answering(json(200, { tools: [] }));
    await ran(['tool', 'list', '--url', `${url}/mayfly/`], {
      environment: { url: 'http://127.0.0.1:9', token },
    });
    expect(seen.map((request) => request.url)).toEqual(['/mayfly/v1/tools']);
  });
});

describe('the workload token', () => {
  const file = join(mkdtempSync(join(tmpdir(), 'mayfly-token-')), 'token');

  test('comes from --token-file, then MAYFLY_TOKEN_FILE, then MAYFLY_TOKEN', async () => {
    const { url, seen } = await answering(json(200, { tools: [] }));
    writeFileSync(file, 'from.a.file\n');
    const environment = { url, token, tokenFile: file };
    await ran(['tool', 'list'], { environment: { url, token } });
    await ran(['tool', 'list'], { environment });
    writeFileSync(file, 'from.it.renewed\n');
    await ran(['tool', 'list'], { environment });
    await ran(['tool', 'list', '--token-file', file], { environment: { url, token } });
    expect(seen.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer header.payload.signature',
      'Bearer from.a.file',
      'Bearer from.it.renewed',
      'Bearer from.it.renewed',
    ]);
  });

  test('that is missing, empty or torn is never sent and never shown: exit code 4', async () => {
    const { url, seen } = await answering(json(200, {}));
    for (const torn of ['', '  \n', 'secret-first\nsecret-second', 'secret\u0000', 'Bearer secret']) {
      writeFileSync(file, torn);
      const { exit, err } = await ran(['tool', 'list', '--token-file', file], { environment: { url } });
      expect(exit).toBe(4);
      expect(err).not.toContain('secret');
    }
    expect((await ran(['tool', 'list'], { environment: { url } })).exit).toBe(4);
    expect((await ran(['tool', 'list', '--token-file', '/nowhere'], { environment: { url } })).exit).toBe(4);
    expect(seen).toEqual([]);
  });

  test('of an exchange goes into the form and into no header', async () => {
    const { url, seen } = await answering(json(400, { error: 'invalid_target' }));
    await ran(['token', '--task', 'a', '--tool', 'b'], { environment: { url, token } });
    expect(seen[0]?.headers.authorization).toBeUndefined();
  });
});

test('--json gives the document of the broker, and nothing that a terminal would act on', async () => {
  const document = { tools: [{ name: '\u009b2J\u202e' }] };
  const { url } = await answering(json(200, document));
  const { out, err } = await ran(['tool', 'list', '--json'], { environment: { url, token } });
  expect(err).toBe('');
  expect(JSON.parse(out)).toEqual(document);
  expect(out).not.toMatch(/[\u009b\u202e]/);
});

test('an empty listing leaves standard output empty, and a full page says how to go on', async () => {
  const empty = await answering(json(200, { tasks: [] }));
  const nothing = await ran(['task', 'list'], { environment: { url: empty.url, token } });
  expect(nothing).toMatchObject({ exit: 0, out: '', err: 'there are no such tasks\n' });
  close?.();
  const full = await answering(json(200, { leases: [], next: 'lease_x' }));
  const more = await ran(['lease', 'list'], { environment: { url: full.url, token } });
  expect(more.err).toContain('there are more: --after lease_x');
});
