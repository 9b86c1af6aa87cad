// Requests that Node can read and we do not want: no host, too many headers, too long an address, too many at once.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Refusal } from '../domain/refusal.js';
import type { Answer } from './answer.js';
import { send } from './answer.js';
import { arrivalOf } from './arrival.js';
import type { Edge } from './call.js';
import { newEntry, settle } from './call.js';
import { protocolAnswer } from './errors.js';
import { NO_ROUTE } from './told.js';

export interface Misfit {
  readonly status: number;
  readonly why: string;
}

const MOST_HEADERS = 64;
const LONGEST_ADDRESS = 4096;
/** Answers of one connection go out in their order: whoever sends more than this at once wants us to keep them. */
export const MOST_AT_ONCE = 16;

/** One more than are allowed: those beyond are not even made objects of. */
export const HEADERS_READ = MOST_HEADERS + 1;

/** @param atOnce how many requests of this connection are being answered, this one included */
export function misfitOf(request: IncomingMessage, atOnce: number): Misfit | undefined {
  if (atOnce > MOST_AT_ONCE) return { status: 429, why: 'too many requests at once on one connection' };
  if (request.rawHeaders.length > 2 * MOST_HEADERS) return { status: 431, why: 'too many headers' };
  if ((request.url ?? '').length > LONGEST_ADDRESS) return { status: 414, why: 'the address is too long' };
  const hosts = countOf('host', request.rawHeaders);
  if (hosts === 1) return undefined;
  // RFC 9112 §3.2: of two hosts what stands in front of us may have taken the other.
  if (hosts > 1) return { status: 400, why: 'more than one Host header' };
  // Node would refuse it by itself, without any of our headers.
  const isOld = request.httpVersionMinor === 0 || request.httpVersionMajor !== 1;
  return isOld ? undefined : { status: 400, why: 'no Host header' };
}

/** Names and values in turn. `name` in lower case. */
function countOf(name: string, rawHeaders: readonly string[]): number {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const given = rawHeaders[at]!;
    if (given.length === name.length && given.toLowerCase() === name) count++;
  }
  return count;
}

/** On record as every refusal is; and the connection ends with it. */
export async function refuseMisfit(
  edge: Edge,
  request: IncomingMessage,
  response: ServerResponse,
  { status, why }: Misfit,
): Promise<void> {
  response.shouldKeepAlive = false;
  const entry = newEntry('request', arrivalOf(request, edge.proxies));
  const refused = (): Answer => protocolAnswer(status, entry.requestId);
  const answer = await settle(edge, { entry, dialect: 'problem', route: NO_ROUTE, refused }, () =>
    Promise.resolve(new Refusal('request_malformed', why)),
  );
  send(response, answer, entry.requestId, edge.securityHeaders);
}
