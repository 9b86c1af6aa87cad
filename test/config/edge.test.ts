// What the configuration says of the edge: certificates, proxies, the listener for metrics; and what is warned of.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { cautionsAbout } from '../../src/config/cautions.js';
import { settingsFrom } from '../../src/config/load.js';
import { LiveSettings } from '../../src/config/reload.js';
import { makeCertificates } from '../fixtures/redis/certificates.js';
import { GOOD, mistakesOf } from './fixture.js';

const ours = makeCertificates();
const stranger = makeCertificates();
const folder = mkdtempSync(join(tmpdir(), 'mayfly-edge-'));
const write = (name: string, content: string): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};
write('tls.crt', ours.certificate);
write('tls.key', ours.key);
write('other.key', stranger.key);
write('ca.pem', ours.ca);
write('empty.pem', '');

const at = `${folder}/mayfly.yaml`;
const withLines = (...lines: string[]): string => `${lines.join('\n')}\n${GOOD}`;

describe('a good edge', () => {
  test('is read with its paths resolved', async () => {
    const text = withLines(
      'tls: { certificate_file: tls.crt, key_file: tls.key, client_ca_file: ca.pem }',
      'trusted_proxies: [10.0.0.0/8, 192.0.2.7, "fd00::/8", "::1"]',
      'metrics: { listen: 127.0.0.1:9464 }',
    );
    expect(await settingsFrom(text, at)).toMatchObject({
      tls: {
        certificate: join(folder, 'tls.crt'),
        key: join(folder, 'tls.key'),
        clientCa: join(folder, 'ca.pem'),
      },
      trustedProxies: ['10.0.0.0/8', '192.0.2.7', 'fd00::/8', '::1'],
      metrics: { host: '127.0.0.1', port: 9464 },
    });
  });

  test('is none of whoever listens elsewhere than the file says', async () => {
    const text = withLines(
      'tls: { certificate_file: none.crt, key_file: none.key }',
      'trusted_proxies: [10.0.0.0/8]',
      'metrics: { listen: 127.0.0.1:9464 }',
    );
    const instead = { listen: { host: '127.0.0.1', port: 1 }, issuer: 'http://127.0.0.1:1' };
    const settings = await settingsFrom(text, at, { instead });
    expect([settings.tls, settings.metrics, settings.trustedProxies]).toEqual([undefined, undefined, []]);
  });
});

describe('a mistake', () => {
  test.each([
    ['tls: { certificate_file: tls.crt }', /tls\.key_file: is missing/],
    [
      'tls: { certificate_file: none.crt, key_file: tls.key }',
      /tls\.certificate_file: cannot be read \(ENOENT\)/,
    ],
    [
      'tls: { certificate_file: empty.pem, key_file: tls.key }',
      /tls\.certificate_file: holds no certificate in PEM/,
    ],
    [
      'tls: { certificate_file: tls.crt, key_file: other.key }',
      /tls\.key_file: is not the key of the certificate/,
    ],
    ['tls: { certificate_file: tls.crt, key_file: empty.pem }', /tls\.key_file: is no private key in PEM/],
    [
      'tls: { certificate_file: tls.crt, key_file: tls.key, client_ca_file: tls.key }',
      /tls\.client_ca_file: holds no cert/,
    ],
    ['trusted_proxies: 10.0.0.0/8', /trusted_proxies: must be a list/],
    ['trusted_proxies: [10.0.0.0/33]', /trusted_proxies\[0\]: must be an address or a range/],
    ['trusted_proxies: ["fd00::/129"]', /trusted_proxies\[0\]: must be an address or a range/],
    ['trusted_proxies: [loopback]', /trusted_proxies\[0\]: must be an address or a range/],
    ['trusted_proxies: [10.0.0]', /trusted_proxies\[0\]: must be an address or a range/],
    ['metrics: { listen: "9464" }', /metrics\.listen: must be host:port/],
    ['http: { max_connections: 0 }', /http\.max_connections: must be at least 1/],
    ['http: { idle_timeout: 5 }', /http\.idle_timeout: must be a number with its unit/],
    ['http: { header_limit: 1KiB }', /http\.header_limit: must be from 4096/],
  ])('in %s is told', async (line, told) => {
    const mistakes = await mistakesOf(
      withLines(line.replaceAll(/(?<=: )(?=\w+\.(?:crt|key|pem))/g, `${folder}/`)),
    );
    expect(mistakes).toEqual([expect.stringMatching(told)]);
  });
});

test('a certificate that has become bad keeps no reload from taking away an issuer', async () => {
  const file = write('mayfly.yaml', withLines('tls: { certificate_file: tls.crt, key_file: swapped.key }'));
  write('swapped.key', ours.key);
  const live = await LiveSettings.from(file);
  write('swapped.key', stranger.key);
  write(
    'mayfly.yaml',
    withLines('tls: { certificate_file: tls.crt, key_file: swapped.key }').replace('agent-*', 'bot-*'),
  );
  expect(await live.reload()).toEqual({ swapped: true, changed: ['trust'], generation: 2 });
  // Other files than those that are in force wait for a restart.
  write(
    'mayfly.yaml',
    withLines('tls: { certificate_file: tls.crt, key_file: tls.key }').replace('agent-*', 'bot-*'),
  );
  expect(await live.reload()).toMatchObject({ swapped: false, waiting: 'needs a restart: tls' });
});

describe('what is warned of', () => {
  const store = { kind: 'embedded', path: 'x' } as const;
  const tls = { certificate: 'a', key: 'b' };
  test.each<[string, Partial<Parameters<typeof cautionsAbout>[0]>, RegExp | undefined]>([
    ['https, and nothing that speaks it', { issuer: 'https://a.example' }, /nothing here speaks it/],
    ['https by a proxy', { issuer: 'https://a.example', trustedProxies: ['10.0.0.1'] }, undefined],
    ['https by ourselves', { issuer: 'https://a.example', tls }, undefined],
    ['http, and we speak TLS', { issuer: 'http://127.0.0.1:1', tls }, /issuer: is plain http/],
    ['http on this machine', { issuer: 'http://127.0.0.1:1' }, undefined],
    [
      'everybody a proxy',
      { issuer: 'http://127.0.0.1', trustedProxies: ['0.0.0.0/0'] },
      /0\.0\.0\.0\/0 is everybody/,
    ],
    [
      'everybody a proxy, in IPv6',
      { issuer: 'http://127.0.0.1', trustedProxies: ['::/0'] },
      /::\/0 is everybody/,
    ],
  ])('%s', (_what, edge, caution) => {
    const cautions = cautionsAbout({ store, ...edge });
    if (caution) expect(cautions).toEqual([expect.stringMatching(caution)]);
    else expect(cautions).toEqual([]);
  });
});
