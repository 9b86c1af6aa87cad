// The proxy of docker-compose.yml, with its own configuration: any broker, none twice, and streams as they come.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { freePort } from '../../examples/demo/port.js';
import { type RunningService, hasNginx, startProxy } from './services.js';

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
let proxy: RunningService;

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
    upstreams = [new Upstream(), new Upstream()];
    for (const upstream of upstreams) await upstream.listen(await otherPort());
    const port = await otherPort();
    proxy = await startProxy({ folder, port, brokerPorts: upstreams.map((upstream) => upstream.port) });
    url = `http://127.0.0.1:${port}`;
    for (const upstream of upstreams) upstream.asked.length = 0;
  });
  afterEach(async () => {
    for (const upstream of upstreams) await upstream.close();
    expect(await proxy.stop('SIGQUIT')).toEqual([0, null]);
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
