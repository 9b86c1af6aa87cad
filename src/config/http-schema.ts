// What the HTTP server puts up with, from whom it believes an address, and where its metrics are: as the file writes it.
import { isIP } from 'node:net';
import { z } from 'zod';
import { duration, listenAddress, size } from './values.js';

const count = (most: number) =>
  z.int('must be a whole number').min(1, 'must be at least 1').max(most, `must be at most ${most}`);

export const httpSchema = z.strictObject({
  body_limit: size(1024, 16 * 1024 * 1024)
    .prefault('64KiB')
    .describe('the longest request body, in bytes or as 64KiB'),
  header_limit: size(4096, 256 * 1024)
    .prefault('16KiB')
    .describe('how long the address and the headers of a request may be together'),
  request_timeout: duration('1s', '10m').prefault('30s').describe('how long a request may take to arrive'),
  headers_timeout: duration('1s', '10m')
    .prefault('10s')
    .describe('how long its headers may take to arrive, and before them a TLS handshake'),
  answer_timeout: duration('1s', '10m')
    .prefault('30s')
    .describe('how long a caller may take to read its answer'),
  idle_timeout: duration('1s', '1h')
    .prefault('65s')
    .describe('how long a connection is kept with nothing to do; longer than a proxy in front keeps it'),
  drain_timeout: duration('0s', '10m')
    .prefault('20s')
    .describe('how long a shutdown waits for what is in flight'),
  max_connections: count(1_000_000)
    .prefault(8192)
    .describe('how many connections are held; for one more, the one that was idle longest is closed'),
  max_connections_per_address: count(1_000_000)
    .prefault(1024)
    .describe('how many of them one address may hold; trusted proxies are exempt'),
});

const ADDRESS_WANTED = 'must be an address or a range such as 10.0.0.0/8 or fd00::/8';

/** `address` or `address/bits`. Names of ranges, as some servers have them, hide what they let in. */
const addressRange = z.string(ADDRESS_WANTED).refine((written) => {
  const [, address = '', bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(written) ?? [];
  const family = isIP(address);
  const most = family === 4 ? 32 : 128;
  return family !== 0 && !address.includes('%') && (bits === undefined || Number(bits) <= most);
}, ADDRESS_WANTED);

export const trustedProxiesSchema = z.array(addressRange).prefault([]);

export const operationsSchema = z.strictObject({
  listen: listenAddress.describe('where to listen, by tls where there is tls, such as 127.0.0.1:8421'),
});

export const metricsSchema = z.strictObject({
  listen: listenAddress.describe('where to listen in plain http, such as 127.0.0.1:9464'),
});
