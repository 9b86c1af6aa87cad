// Values as the file writes them: durations, sizes, URLs, names; each says what to write instead of a wrong one.
import { isIP } from 'node:net';
import { z } from 'zod';
import { parseDuration, showDuration } from '../domain/duration.js';
import { isLoopback } from '../domain/loopback.js';

const DURATION_FORM = /^\d{1,9}(?:ms|s|m|h|d)$/;
const DURATION_WANTED = 'must be a number with its unit: 30s, 5m, 12h or 30d';

/** A duration such as `5m`, in milliseconds. */
export function duration(least: string, most: string) {
  const [leastMs, mostMs] = [parseDuration(least)!, parseDuration(most)!];
  return z
    .string(DURATION_WANTED)
    .regex(DURATION_FORM, DURATION_WANTED)
    .transform((written, context) => {
      const ms = parseDuration(written)!;
      if (ms >= leastMs && ms <= mostMs) return ms;
      const wanted = ms < leastMs ? `at least ${least}` : `at most ${most}`;
      context.issues.push({
        code: 'custom',
        input: written,
        message: `must be ${wanted}, not ${showDuration(ms)}`,
      });
      return z.NEVER;
    });
}

const SIZE_WANTED = 'must be a number of bytes, or a size such as 64KiB or 1MiB';
const SIZE_UNIT_BYTES: Readonly<Record<string, number>> = { '': 1, B: 1, KiB: 1024, MiB: 1024 * 1024 };

/** A size in bytes, as a number or as `64KiB`. */
export function size(leastBytes: number, mostBytes: number) {
  const written = z.string().regex(/^\d{1,9}(?:B|KiB|MiB)?$/, SIZE_WANTED);
  return z.union([z.int(SIZE_WANTED), written], SIZE_WANTED).transform((value, context) => {
    const [, count, unit] = /^(\d+)(\D*)$/.exec(String(value)) ?? [];
    const bytes = Number(count) * SIZE_UNIT_BYTES[unit ?? '']!;
    if (bytes >= leastBytes && bytes <= mostBytes) return bytes;
    const message = `must be from ${leastBytes} to ${mostBytes} bytes`;
    context.issues.push({ code: 'custom', input: value, message });
    return z.NEVER;
  });
}

export const text = () => z.string().min(1, 'must not be empty');

/** A list of different members, at least one. */
export const listOf = <Item extends z.ZodType>(item: Item, whenEmpty = 'must not be empty') =>
  z
    .array(item)
    .min(1, whenEmpty)
    // Also where a member is wrong by itself: one mistake does not hide another.
    .superRefine(refuseRepeats, { when: ({ value }) => Array.isArray(value) });

const refuseRepeats = (list: readonly unknown[], context: z.RefinementCtx): void => {
  for (const [index, member] of list.entries()) {
    if (list.indexOf(member) === index) continue;
    // Without the member: a password may stand in an address that should not hold one.
    context.addIssue({ code: 'custom', path: [index], message: 'is listed twice' });
  }
};

/** One text, or a list of different ones. */
export const oneOrMore = () =>
  z
    .union([text(), listOf(text())], 'must be a text or a list of texts')
    .transform((value) => (typeof value === 'string' ? [value] : value));

/** What is wrong with a URL that we or our peers are reached at; undefined where nothing is. */
function urlFlaw(written: string, example: string): string | undefined {
  if (!/^[\x21-\x7e]+$/.test(written) || !/^https?:\/\//i.test(written) || !URL.canParse(written)) {
    return `must be an absolute URL such as ${example}`;
  }
  const url = new URL(written);
  if (url.protocol === 'http:' && !isLoopback(url.hostname))
    return 'must be https: plain http is for loopback addresses only';
  if (url.username !== '' || url.password !== '') return 'must not hold a user name or a password';
  return undefined;
}

/** The external URL of the broker: an origin and nothing more, as verifiers compare it character by character. */
export const brokerUrl = z.string().transform((written, context) => {
  const example = 'https://broker.example';
  const trimmed = written.replace(/\/$/, '');
  let flaw = urlFlaw(written, example);
  if (flaw === undefined) {
    const url = new URL(written);
    if (url.pathname !== '/' || /[?#]/.test(written))
      flaw = `must not have a path, a query or a fragment: write ${url.origin}`;
    else if (url.origin !== trimmed) flaw = `must be in its normal form: write ${url.origin}`;
  }
  if (flaw === undefined) return trimmed;
  context.issues.push({ code: 'custom', input: written, message: flaw });
  return z.NEVER;
});

/** A URL that we compare with, or fetch from: kept exactly as written. */
const peerUrl = (example: string, forbidden: RegExp, message: string) =>
  z.string().superRefine((written, context) => {
    const flaw = urlFlaw(written, example) ?? (forbidden.test(written) ? message : undefined);
    if (flaw !== undefined) context.addIssue({ code: 'custom', message: flaw });
  });

/** OpenID Connect Discovery 1.0 §3: an `iss` has neither query nor fragment. */
export const issuerUrl = peerUrl('https://oidc.example', /[?#]/, 'must not have a query or a fragment');

export const keySetUrl = peerUrl('https://oidc.example/jwks', /#/, 'must not have a fragment');

export const endpointUrl = peerUrl('https://sts.example', /[?#]/, 'must not have a query or a fragment');

/** RFC 8707 §2: an absolute URI without a fragment. Kept exactly as written. */
export const resourceUri = z.string().superRefine((written, context) => {
  const absolute = /^[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]+$/.test(written) && URL.canParse(written);
  if (!absolute)
    context.addIssue({ code: 'custom', message: 'must be an absolute URI such as https://crm.example' });
  else if (written.includes('#')) context.addIssue({ code: 'custom', message: 'must not have a fragment' });
});

const LAST_PORT = 65_535;

/** The parts of `host:port` and of `[::1]:port`; undefined where it is neither. The port may be too large. */
export function hostAndPort(written: string): { readonly host: string; readonly port: number } | undefined {
  const [, six, host, port] = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(written) ?? [];
  const known = six === undefined ? host !== undefined : isIP(six) === 6;
  return known ? { host: (six ?? host)!, port: Number(port) } : undefined;
}

const LISTEN_WANTED = 'must be host:port, such as 127.0.0.1:8420 or "[::1]:8420"';

/** `host:port`; port 0 lets the system choose. */
export const listenAddress = z.string(LISTEN_WANTED).transform((written, context) => {
  const address = hostAndPort(written);
  if (address && address.port <= LAST_PORT) return address;
  const message = address ? `must have a port from 0 to ${LAST_PORT}` : LISTEN_WANTED;
  context.issues.push({ code: 'custom', input: written, message });
  return z.NEVER;
});

/** `host:port` of a server that we connect to; kept as written, for `hostAndPort`. */
export const serverAddress = (example: string) =>
  z.string().superRefine((written, context) => {
    const address = hostAndPort(written);
    if (!address) context.addIssue({ code: 'custom', message: `must be host:port, such as ${example}` });
    else if (address.port < 1 || address.port > LAST_PORT)
      context.addIssue({ code: 'custom', message: `must have a port from 1 to ${LAST_PORT}` });
  });

const REDIS_PORT = 6379;
const REDIS_URL_WANTED =
  'must be a URL such as redis://127.0.0.1:6379/0, or rediss://redis.example:6379/0 for TLS';

/** What is wrong with the URL of a Redis. Clients would take credentials and options from it: we take neither. */
function redisUrlFlaw(written: string): string | undefined {
  const [, rest] = /^rediss?:\/\/(.*)$/s.exec(written) ?? [];
  if (rest === undefined) return REDIS_URL_WANTED;
  const [user] = rest.split('@');
  if (user !== rest) {
    return user!.includes(':')
      ? 'must not hold a password: name a file under password_file, or a variable under password_env'
      : 'must not hold a user name: write it under username';
  }
  return /[?#]/.test(rest) ? 'must not have a query or a fragment' : undefined;
}

/** `redis://host:port/database`; `rediss://` is TLS. */
export const redisUrl = z.string().transform((written, context) => {
  let flaw = redisUrlFlaw(written);
  const [, scheme, server = '', , port, database = '0'] =
    /^(rediss?):\/\/(.*?)(:(\d+))?(?:\/(\d{1,5})?)?$/.exec(written) ?? [];
  const address = hostAndPort(`${server}:${port ?? REDIS_PORT}`);
  if (
    flaw === undefined &&
    (scheme === undefined || !address || address.port < 1 || address.port > LAST_PORT)
  ) {
    flaw = REDIS_URL_WANTED;
  }
  if (flaw === undefined && address)
    return { tls: scheme === 'rediss', ...address, database: Number(database) };
  context.issues.push({ code: 'custom', input: written, message: flaw });
  return z.NEVER;
});
