// From which address a call came: what of X-Forwarded-For is true, and what is only what the caller wrote.
import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import { plainAddress, trustedProxies } from '../../src/http/proxies.js';
import { TestBroker } from '../fixtures/broker.js';

const OURS = ['10.0.0.0/8', '192.0.2.7', 'fd00::/8'];
const from = (remoteAddress: string | undefined, forwarded?: string): IncomingMessage =>
  ({
    socket: { remoteAddress },
    headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
  }) as unknown as IncomingMessage;
const clientOf = (remote: string | undefined, forwarded?: string, ranges = OURS): string =>
  trustedProxies(ranges).clientOf(from(remote, forwarded));

describe('the address of a caller', () => {
  test.each([
    // Straight to us.
    ['nobody stands between', '203.0.113.9', undefined, '203.0.113.9'],
    ['a stranger says to be somebody else', '203.0.113.9', '198.51.100.1', '203.0.113.9'],
    ['a stranger says to be our proxy', '203.0.113.9', '10.0.0.1', '203.0.113.9'],
    ['a stranger whose address begins like ours', '11.0.0.1', '198.51.100.1', '11.0.0.1'],
    ['our proxy itself, asking for nobody', '10.0.0.1', undefined, '10.0.0.1'],
    // Through ours.
    ['one proxy', '10.0.0.1', '198.51.100.1', '198.51.100.1'],
    ['two of ours', '10.0.0.1', '198.51.100.1, 192.0.2.7', '198.51.100.1'],
    ['an address next to ours is not ours', '10.0.0.1', '198.51.100.1, 192.0.2.8', '192.0.2.8'],
    [
      'what the caller wrote stands further left',
      '10.0.0.1',
      '10.9.9.9, 127.0.0.1, 203.0.113.9',
      '203.0.113.9',
    ],
    ['the caller wrote a thousand', '10.0.0.1', `${'1.2.3.4,'.repeat(1000)}203.0.113.9`, '203.0.113.9'],
    ['all of them ours', '10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
    ['without blanks', '10.0.0.1', '198.51.100.1,10.0.0.2', '198.51.100.1'],
    ['with blanks', '10.0.0.1', '  198.51.100.1  ,  10.0.0.2  ', '198.51.100.1'],
    // IPv6, and IPv4 dressed up as it.
    ['IPv6', 'fd00::1', '2001:db8::1', '2001:db8::1'],
    ['IPv6 in another spelling', 'fd00::1', '2001:DB8:0:0::0001', '2001:db8::1'],
    ['a mapped proxy', '::ffff:10.0.0.1', '198.51.100.1', '198.51.100.1'],
    ['a mapped caller', '::ffff:203.0.113.9', undefined, '203.0.113.9'],
    ['a mapped caller behind ours', '10.0.0.1', '::ffff:198.51.100.1', '198.51.100.1'],
    ['mapped, in hexadecimal', '10.0.0.1', '::ffff:c633:6401', '198.51.100.1'],
    ['mapped, with our proxy between', '10.0.0.1', '198.51.100.1, ::ffff:10.0.0.2', '198.51.100.1'],
    // Ports, as some proxies add them.
    ['with a port', '10.0.0.1', '198.51.100.1:4711', '198.51.100.1'],
    ['IPv6 with a port', '10.0.0.1', '[2001:db8::1]:4711', '2001:db8::1'],
    ['IPv6 in brackets', '10.0.0.1', '[2001:db8::1]', '2001:db8::1'],
    ['our proxy with a port between', '10.0.0.1', '198.51.100.1, 10.0.0.2:80', '198.51.100.1'],
    // What is no address: all that is known is which proxy passed it on.
    ['unknown', '10.0.0.1', 'unknown', '10.0.0.1'],
    ['an obfuscated name (RFC 7239 §6.3)', '10.0.0.1', '_hidden, 10.0.0.2', '10.0.0.2'],
    ['nothing', '10.0.0.1', '', '10.0.0.1'],
    ['a comma', '10.0.0.1', ',', '10.0.0.1'],
    ['a blank', '10.0.0.1', ' ', '10.0.0.1'],
    ['an address too long', '10.0.0.1', '198.51.100.1.1', '10.0.0.1'],
    ['an address too large', '10.0.0.1', '198.51.100.256', '10.0.0.1'],
    ['an address as a number', '10.0.0.1', '3325256705', '10.0.0.1'],
    ['an octal address', '10.0.0.1', '0306.063.0144.01', '10.0.0.1'],
    ['a name', '10.0.0.1', 'localhost', '10.0.0.1'],
    ['a script', '10.0.0.1', '<script>', '10.0.0.1'],
    ['a line of another header', '10.0.0.1', '198.51.100.1;for=1', '10.0.0.1'],
    ['a connection that is gone', undefined, '198.51.100.1', ''],
  ])('%s', (_what, remote, forwarded, client) => {
    expect(clientOf(remote, forwarded)).toBe(client);
  });

  test('nobody is believed where no proxy is named', () => {
    expect(clientOf('127.0.0.1', '198.51.100.1', [])).toBe('127.0.0.1');
    expect(clientOf('::ffff:127.0.0.1', '198.51.100.1', [])).toBe('127.0.0.1');
    expect(trustedProxies([]).trusts('127.0.0.1')).toBe(false);
  });

  test.each([
    ['2001:DB8::1', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['192.0.2.1', '192.0.2.1'],
    ['no:address', 'no:address'],
    ['', ''],
  ])('%s has one spelling', (written, plain) => {
    expect(plainAddress(written)).toBe(plain);
  });
});

describe('a broker writes down with every request', () => {
  test.each([
    ['the one that its proxy told it', ['127.0.0.0/8'], '198.51.100.1'],
    ['the one that it sees itself, where it has no proxy', [], '127.0.0.1'],
  ])('%s', async (_what, ranges, address) => {
    const broker = await TestBroker.start({ terms: { trusted_proxies: ranges } });
    try {
      // Two lines of one header are one list (RFC 9110 §5.3), and the second of them is the proxy's.
      const headers = { 'x-forwarded-for': ['203.0.113.66', '198.51.100.1'] } as unknown as Record<
        string,
        string
      >;
      const replies = await Promise.all([
        broker.call('GET', '/v1/tools', { as: 'agent-1', headers }),
        broker.call('GET', '/v1/tools', { headers }),
        broker.call('POST', '/token', { form: { grant_type: 'x' }, headers }),
        broker.call('GET', '/nothing', { headers }),
      ]);
      expect(replies.map(({ status }) => status)).toEqual([200, 401, 400, 404]);
      for (const reply of replies)
        expect(await broker.auditOf(reply)).toMatchObject([{ detail: { address } }]);
    } finally {
      await broker.stop();
    }
  });
});
