// Whose word on the caller's address is taken: the proxies that the configuration names, and nobody else's.
import type { IncomingMessage } from 'node:http';
import { SocketAddress, isIP } from 'node:net';
import proxyAddr from 'proxy-addr';

export interface Proxies {
  /** Whether a connection from there is a proxy's. */
  trusts(address: string): boolean;
  /** Who asked the outermost of our own proxies, or the socket's other end where that is none of ours. */
  clientOf(request: IncomingMessage): string;
}

/**
 * X-Forwarded-For grows to the right, and only what our own proxies added is true: it is read from the right, and up
 * to the first address that is not ours. What stands further left is what the caller wrote, and may say anything.
 */
export function trustedProxies(ranges: readonly string[]): Proxies {
  if (ranges.length === 0)
    return { trusts: () => false, clientOf: ({ socket }) => plainAddress(socket.remoteAddress ?? '') };
  const isOurs = proxyAddr.compile([...ranges]);
  const trusts = (address: string): boolean => isOurs(withoutPort(address), 0);
  return {
    trusts,
    clientOf(request) {
      const nearest = plainAddress(request.socket.remoteAddress ?? '');
      if (request.headers['x-forwarded-for'] === undefined || !trusts(nearest)) return nearest;
      const [client = nearest, ...hops] = hopsOf(request, trusts).toReversed();
      if (isIP(client) !== 0) return client;
      // One of our proxies passed on what is no address: it is all that we know of the caller.
      return hops[0] ?? nearest;
    },
  };
}

/** The socket's other end, then what is trusted of the header, from right to left. */
const hopsOf = (request: IncomingMessage, trusts: (address: string) => boolean): string[] =>
  proxyAddr.all(request, trusts).map((hop) => plainAddress(withoutPort(hop)));

/** Some proxies add the port: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
const withoutPort = (hop: string): string =>
  /^\[([^\]]+)\](?::\d+)?$/.exec(hop)?.[1] ?? /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(hop)?.[1] ?? hop;

const MAPPED = '::ffff:';

/**
 * One address, one spelling. `::ffff:192.0.2.1`, as a socket for both families tells it, is 192.0.2.1
 * (RFC 4291 §2.5.5.2); IPv6 is in the form of RFC 5952. What is no address stays as it is.
 */
export function plainAddress(written: string): string {
  if (!written.includes(':') || isIP(written) !== 6) return written;
  const [address = ''] = written.split('%', 1);
  const plain = new SocketAddress({ address, family: 'ipv6' }).address;
  return plain.startsWith(MAPPED) && plain.includes('.') ? plain.slice(MAPPED.length) : plain;
}
