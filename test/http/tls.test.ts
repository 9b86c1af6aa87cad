// TLS, by real handshakes: who gets in, with which certificate, and what a bad new one changes.
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import type { RequestOptions } from 'node:https';
import { connect as connectPlain } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { systemClock } from '../../src/domain/clock.js';
import { DAY_MS } from '../../src/domain/duration.js';
import { Certificate } from '../../src/http/certificate.js';
import type { Log } from '../../src/telemetry/log.js';
import { TestBroker } from '../fixtures/broker.js';
import type { Certificates } from '../fixtures/redis/certificates.js';
import { makeCertificates } from '../fixtures/redis/certificates.js';
import { until } from '../fixtures/until.js';

const first = makeCertificates();
const second = makeCertificates();
const callers = makeCertificates();
const strangers = makeCertificates();

const folder = mkdtempSync(join(tmpdir(), 'mayfly-tls-'));
const at = (name: string): string => join(folder, name);

/** As Kubernetes does it: the names are links through one link, and that link is what changes. */
function mount(
  place: string,
  generation: string,
  { certificate, key }: Pick<Certificates, 'certificate' | 'key'>,
): void {
  mkdirSync(at(`${place}/${generation}`), { recursive: true });
  writeFileSync(at(`${place}/${generation}/tls.crt`), certificate);
  writeFileSync(at(`${place}/${generation}/tls.key`), key);
  symlinkSync(generation, at(`${place}/..next`));
  renameSync(at(`${place}/..next`), at(`${place}/..data`));
}

function mounted(place: string, pair: Certificates): { certificate: string; key: string } {
  mount(place, '..first', pair);
  for (const name of ['tls.crt', 'tls.key']) symlinkSync(`..data/${name}`, at(`${place}/${name}`));
  return { certificate: at(`${place}/tls.crt`), key: at(`${place}/tls.key`) };
}

const files = mounted('served', first);
const TERMS = {
  tls: { certificate_file: files.certificate, key_file: files.key },
  http: { headers_timeout: '1s', request_timeout: '2s' },
};
/** Time-outs are looked for once a second, on a machine that is busy. */
const CUT_OFF_WITHIN_MS = 10_000;

let broker: TestBroker;
beforeAll(async () => {
  broker = await TestBroker.start({ terms: TERMS });
});
afterAll(async () => {
  await broker.stop();
  rmSync(folder, { recursive: true, force: true });
});

const portOf = (of: TestBroker): number => Number(new URL(of.url).port);

interface Said {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly protocol: string | null;
  readonly alpn: string | false | null;
  readonly serial: string;
}

function ask(of: TestBroker, options: RequestOptions = {}): Promise<Said> {
  const where = { host: '127.0.0.1', port: portOf(of), path: '/healthz', ca: first.ca };
  return new Promise((resolve, reject) => {
    const sent = request({ agent: false, ...where, ...options }, (response) => {
      const socket = response.socket as TLSSocket;
      const said = {
        status: response.statusCode,
        headers: response.headers,
        protocol: socket.getProtocol(),
        alpn: socket.alpnProtocol,
        serial: socket.getPeerCertificate().serialNumber,
      };
      response.resume().once('end', () => resolve(said));
    });
    sent.once('error', reject).end();
  });
}

const codeOf = (asking: Promise<unknown>): Promise<string> =>
  asking.then(
    () => 'none',
    (error: NodeJS.ErrnoException) => `${error.code} ${error.message}`,
  );

describe('a handshake', () => {
  test('ends in TLS 1.3 and HTTP/1.1, and browsers are told to come by https from then on', async () => {
    const said = await ask(broker, { ALPNProtocols: ['http/1.1'] } as RequestOptions);
    expect(said).toMatchObject({ status: 200, protocol: 'TLSv1.3', alpn: 'http/1.1' });
    expect(said.headers['strict-transport-security']).toBe('max-age=31536000');
  });

  test.each([
    ['TLSv1.2', 200],
    ['TLSv1.3', 200],
  ] as const)('may be of %s', async (version, status) => {
    const said = await ask(broker, { minVersion: version, maxVersion: version });
    expect(said).toMatchObject({ status, protocol: version });
  });

  test('is never of an older version, nor without forward secrecy', async () => {
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    expect(await codeOf(ask(broker, old))).toMatch(/alert protocol version|unsupported protocol/i);
    const weak = { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' } as const;
    expect(await codeOf(ask(broker, weak))).toMatch(/handshake failure/i);
  });

  test('is not repeated on the same connection', async () => {
    const socket = await handshake({ maxVersion: 'TLSv1.2' });
    const refused = await new Promise<boolean>((resolve) => {
      socket.once('error', () => resolve(true));
      socket.once('close', () => resolve(true));
      socket.renegotiate({}, (error) => resolve(error !== null));
    });
    expect(refused).toBe(true);
    socket.destroy();
  });

  test.each([
    ['never begins', ''],
    ['is no handshake', 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['stops in the middle', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ])('that %s is cut off, and is nothing for the record', async (_what, text) => {
    const before = (await recorded()).length;
    const socket = connectPlain(portOf(broker), '127.0.0.1');
    let received = '';
    let closed = false;
    socket.on('data', (chunk) => (received += chunk.toString('latin1')));
    socket.on('error', () => {}).on('close', () => (closed = true));
    socket.write(text, 'latin1');
    await until('it is cut off', () => closed, { withinMs: CUT_OFF_WITHIN_MS });
    expect(received).not.toContain('HTTP');
    expect((await recorded()).length).toBe(before);
    expect((await ask(broker)).status).toBe(200);
  });

  test('is no licence to be slow: headers that do not end are cut off', async () => {
    const socket = await handshake();
    let received = '';
    let closed = false;
    socket.on('data', (chunk) => (received += chunk.toString('latin1')));
    socket.on('close', () => (closed = true));
    socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n');
    await until('it is cut off', () => closed, { withinMs: CUT_OFF_WITHIN_MS });
    expect(received).toMatch(/^HTTP\/1\.1 408 /);
  });
});

test.each([
  ['waits for no handshake that does not end', '60s', 2000],
  ['ends handshakes, too, when its time is up', '0s', 0],
])('a shutdown %s', async (_what, drainTimeout, withinMs) => {
  const terms = {
    ...TERMS,
    http: { headers_timeout: '60s', request_timeout: '60s', drain_timeout: drainTimeout },
  };
  const leaving = await TestBroker.start({ terms });
  const stuck = connectPlain(portOf(leaving), '127.0.0.1');
  const silent = connect({ host: '127.0.0.1', port: portOf(leaving), ca: first.ca });
  const closed = [stuck, silent].map(
    (socket) => new Promise((resolve) => socket.on('error', () => {}).once('close', resolve)),
  );
  stuck.resume().write('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 'latin1');
  silent.resume();
  await new Promise((resolve) => silent.once('secureConnect', resolve));
  expect((await ask(leaving)).status).toBe(200);
  const began = performance.now();
  await leaving.halt();
  expect(performance.now() - began).toBeLessThan(withinMs + 5000);
  await Promise.all(closed);
  await leaving.stop();
});

function handshake(options: ConnectionOptions = {}): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const where = { host: '127.0.0.1', port: portOf(broker), ca: first.ca };
    const socket = connect({ ...where, ...options }, () => resolve(socket.off('error', reject)));
    socket.once('error', reject);
  });
}

test('what comes by it is counted: a connection that sends too much at once is ended', async () => {
  const socket = await handshake();
  let received = '';
  let closed = false;
  socket.on('data', (chunk) => (received += chunk.toString('latin1')));
  socket.on('error', () => {}).on('close', () => (closed = true));
  socket.write('GET /v1/tools HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\n\r\n'.repeat(100));
  await until('it is closed', () => closed);
  expect(received.split('HTTP/1.1 ').length).toBeLessThanOrEqual(18);
});

const recorded = async (): Promise<string[]> =>
  broker.log.filter((line) => line.includes('"action":"request"') || line.includes('"level":50'));

describe('a new certificate in the place of the old one', () => {
  test('is what new connections get; those that are open go on with the old one', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    try {
      const open = await ask(broker, { agent });
      mount('served', '..second', second);
      // Whoever trusts the new authority alone gets in as soon as it is served, and not before.
      const renewed = await until(
        'new connections get it',
        () => ask(broker, { ca: second.ca }).catch(() => undefined),
        { withinMs: 20_000, everyMs: 100 },
      );
      expect(renewed.serial).not.toBe(open.serial);
      expect([renewed.status, renewed.headers['connection']]).toEqual([200, 'close']);
      const still = await ask(broker, { agent });
      expect([still.status, still.serial]).toEqual([200, open.serial]);
      expect(broker.log.join('')).toContain('new connections get the new certificate');
    } finally {
      agent.destroy();
    }
  });
});

describe('a bad new certificate', () => {
  const good = makeCertificates();
  const expired = makeCertificates({ from: Date.now() - 2 * DAY_MS, until: Date.now() - DAY_MS });
  const early = makeCertificates({ from: Date.now() + DAY_MS / 2 });

  test.each<[string, Partial<Certificates>, RegExp]>([
    [
      'with the key of another',
      { certificate: second.certificate },
      /key.*is not the key of the certificate/,
    ],
    ['whose key alone was replaced', { key: second.key }, /key.*is not the key of the certificate/],
    ['that is none', { certificate: 'to follow' }, /holds no certificate in PEM/],
    ['that is cut off', { certificate: good.certificate.slice(0, 200) }, /holds no certificate in PEM/],
    [
      'of whose chain the end is missing',
      { certificate: good.certificate + second.certificate.slice(0, 200) },
      /holds a certificate that is cut off/,
    ],
    ['whose key is empty', { key: '' }, /is no private key in PEM/],
    ['that has expired', expired, /expired on 20/],
    ['that is not valid yet', early, /is not valid before 20/],
  ])('%s leaves the old one in force, and is complained of once', async (_what, change, why) => {
    const log: string[] = [];
    const place = mkdtempSync(join(folder, 'bad-'));
    const write = (pair: Pick<Certificates, 'certificate' | 'key'>): void => {
      writeFileSync(join(place, 'tls.crt'), pair.certificate);
      writeFileSync(join(place, 'tls.key'), pair.key);
    };
    write(good);
    const certificate = await opened(place, log);
    const renewals: unknown[] = [];
    certificate.onRenewal((options) => renewals.push(options.cert));
    write({ ...good, ...change });
    // Files that are being written are wrong for a moment: nobody is told of that.
    await certificate.look();
    expect(log).toEqual([]);
    await certificate.look();
    await certificate.look();
    expect(log).toEqual([expect.stringMatching(why)]);
    expect(log[0]).toContain('the old one stays');
    // Who asks is told, each time.
    await certificate.look(true);
    expect(log).toHaveLength(2);
    expect(certificate.options.cert).toBe(good.certificate);
    expect(renewals).toEqual([]);

    write(second);
    await certificate.look();
    expect(renewals).toEqual([second.certificate]);
    expect(log.at(-1)).toContain('new connections get the new certificate');
    certificate.stop();
  });

  test('files that are gone change nothing either', async () => {
    const log: string[] = [];
    const place = mkdtempSync(join(folder, 'gone-'));
    writeFileSync(join(place, 'tls.crt'), good.certificate);
    writeFileSync(join(place, 'tls.key'), good.key);
    const certificate = await opened(place, log);
    rmSync(join(place, 'tls.crt'));
    await certificate.look(true);
    expect(log).toEqual([expect.stringMatching(/tls\.crt cannot be read \(ENOENT\).*the old one stays/)]);
    expect(certificate.options.cert).toBe(good.certificate);
    certificate.stop();
  });

  test('one that expires soon, or is for another host, is used and warned of', async () => {
    const log: string[] = [];
    const place = mkdtempSync(join(folder, 'soon-'));
    writeFileSync(join(place, 'tls.crt'), good.certificate);
    writeFileSync(join(place, 'tls.key'), good.key);
    const certificate = await opened(place, log, 'https://broker.example', { keepsWarnings: true });
    expect(log).toEqual([
      expect.stringMatching(/expires soon, on 20/),
      expect.stringContaining('is not for broker.example, the host of issuer'),
    ]);
    await certificate.look();
    expect(log).toHaveLength(2);
    certificate.stop();
  });

  test('of which there is no old one keeps a broker from starting', async () => {
    const terms = { tls: { certificate_file: files.certificate, key_file: at('none') } };
    await expect(TestBroker.start({ terms })).rejects.toThrow(/tls\.key_file: cannot be read \(ENOENT\)/);
  });
});

/** Never looks by itself. */
async function opened(
  place: string,
  log: string[],
  issuer = 'http://127.0.0.1',
  { keepsWarnings = false } = {},
): Promise<Certificate> {
  const say = (...told: unknown[]): void => void log.push(told.map((one) => JSON.stringify(one)).join(' '));
  const certificate = await Certificate.open({
    files: { certificate: join(place, 'tls.crt'), key: join(place, 'tls.key') },
    issuer,
    clock: systemClock(),
    log: { info: say, warn: keepsWarnings ? say : () => {}, error: say } as unknown as Log,
    lookEveryMs: DAY_MS,
  });
  return certificate;
}

describe('where callers need a certificate', () => {
  let gated: TestBroker;
  beforeAll(async () => {
    writeFileSync(at('callers-ca.pem'), callers.ca);
    writeFileSync(at('gated.crt'), first.certificate);
    writeFileSync(at('gated.key'), first.key);
    gated = await TestBroker.start({
      terms: {
        tls: {
          certificate_file: at('gated.crt'),
          key_file: at('gated.key'),
          client_ca_file: at('callers-ca.pem'),
        },
      },
    });
  });
  afterAll(() => gated.stop());

  test.each([
    ['one of that authority', { cert: callers.certificate, key: callers.key }, 200],
    ['none', {}, 'certificate required|handshake failure|ECONNRESET|EPIPE'],
    [
      'one of another authority',
      { cert: strangers.certificate, key: strangers.key },
      'alert|ECONNRESET|EPIPE',
    ],
    ['one of our own', { cert: first.certificate, key: first.key }, 'alert|ECONNRESET|EPIPE'],
  ])('whoever shows %s', async (_what, options, expected) => {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const asking = ask(gated, { ...options, maxVersion });
      if (expected === 200) expect((await asking).status).toBe(200);
      else expect(await codeOf(asking)).toMatch(new RegExp(String(expected), 'i'));
    }
  });

  test('is still nobody without a token', async () => {
    const options = { cert: callers.certificate, key: callers.key, path: '/v1/tools' };
    expect((await ask(gated, options)).status).toBe(401);
  });
});
