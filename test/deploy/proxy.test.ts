// The proxy of docker-compose.yml, with its own configuration: any broker, none twice, and streams as they come.
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { freePort } from '../../examples/demo/port.js';
import { tied } from '../fixtures/tied.js';
import { until } from '../fixtures/until.js';
import { composeFile } from './compose-file.js';

const hasNginx = spawnSync('nginx', ['-v'], { stdio: 'ignore' }).status === 0;

/** Whom it runs as: not root, as in its container. */
const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

/** Stands for a broker: answers by what it is told here, and keeps what it was asked. */
class Upstream {
  readonly asked: string[] = [];
  answer: (request: IncomingMessage, response: ServerResponse) => void = (_, response) => response.end('ok');
  readonly #server = createServer((request, response) => {
    this.asked.push(`${request.method} ${request.url} ${request.headers.host}`);
    this.answer(request, response);
  });

  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}

let folder = '';
let url = '';
let upstreams: Upstream[] = [];
let stop: () => Promise<unknown>;

/** The service's own command and configuration, with addresses and folders of this machine. */
async function startProxy(): Promise<void> {
  const port = await freePort();
  let configuration = readFileSync('deploy/proxy/nginx.conf', 'utf8')
    .replace('listen 8420', `listen 127.0.0.1:${port}`)
    .replaceAll('/tmp/', `${folder}/`);
  for (const [index, upstream] of upstreams.entries()) {
    configuration = configuration.replace(`broker-${index + 1}:8420`, `127.0.0.1:${upstream.port}`);
  }
  writeFileSync(join(folder, 'nginx.conf'), configuration);
  const [program = '', ...args] = composeFile().services['proxy']!.entrypoint!.map((word) =>
    word.replace('/etc/mayfly-proxy/', `${folder}/`),
  );
  const child = spawn(...tied(program, args), { stdio: 'ignore', ...user });
  const ended = new Promise((done) => child.once('exit', (code, signal) => done([code, signal])));
  stop = () => {
    child.kill('SIGQUIT');
    return ended;
  };
  url = `http://127.0.0.1:${port}`;
  const answers = async (): Promise<boolean> => (await fetch(`${url}/healthz`)).ok;
  await until('the proxy answers', () => answers().catch(() => false));
  for (const { asked } of upstreams) asked.length = 0;
}

const asked = (): string[] => upstreams.flatMap((upstream) => upstream.asked);

const ports = new Set<number>();
async function otherPort(): Promise<number> {
  const port = await freePort();
  if (ports.has(port)) return otherPort();
  ports.add(port);
  return port;
}

(hasNginx ? describe : describe.skip)('the proxy', () => {
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'mayfly-proxy-'));
    chmodSync(folder, 0o777);
    upstreams = [new Upstream(), new Upstream()];
    for (const upstream of upstreams) await upstream.listen(await otherPort());
    await startProxy();
  });
  afterEach(async () => {
    for (const upstream of upstreams) await upstream.close();
    expect(await stop()).toEqual([0, null]);
    rmSync(folder, { recursive: true, force: true });
  });

  test('asks all brokers, by the name that the caller used', async () => {
    for (let count = 0; count < 6; count++) expect((await fetch(`${url}/jwks?a=1`)).status).toBe(200);
    expect(new Set(asked())).toEqual(new Set([`GET /jwks?a=1 ${new URL(url).host}`]));
    expect(upstreams.map((upstream) => upstream.asked.length)).toEqual([3, 3]);
  });

  test('goes on with one broker where the other is gone, and no caller notices', async () => {
    await upstreams[0]!.close();
    for (let count = 0; count < 10; count++) {
      expect((await fetch(`${url}/token`, { method: 'POST', body: 'a=1' })).status).toBe(200);
    }
    expect(upstreams[1]!.asked).toHaveLength(10);
    upstreams[0] = new Upstream();
    await upstreams[0].listen(await otherPort());
  });

  test('never sends to a second broker what a first one may have done', async () => {
    for (const upstream of upstreams) upstream.answer = (request) => request.socket.destroy();
    expect((await fetch(`${url}/token`, { method: 'POST', body: 'a=1' })).status).toBe(502);
    expect(asked()).toHaveLength(1);
  });

  test('lets a broker refuse a body that is too long for it', async () => {
    for (const upstream of upstreams)
      upstream.answer = (_, response) => response.writeHead(413).end('too long');
    const refused = await fetch(`${url}/token`, { method: 'POST', body: 'a'.repeat(100_000) });
    expect([refused.status, await refused.text()]).toEqual([413, 'too long']);
    // Nothing of it was put aside in a file on the way.
    expect(readdirSync(join(folder, 'client-body'))).toEqual([]);
  });

  test('passes a stream on while it comes', async () => {
    let more: (() => void) | undefined;
    for (const upstream of upstreams) {
      upstream.answer = (_, response) => {
        response.write('first\n');
        more = () => response.end('last\n');
      };
    }
    const reader = (await fetch(`${url}/v1/events`)).body!.getReader();
    const next = async (): Promise<string> => new TextDecoder().decode((await reader.read()).value);
    expect(await next()).toBe('first\n');
    more!();
    expect(await next()).toBe('last\n');
  });
});
