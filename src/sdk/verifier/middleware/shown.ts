// What came with a request: by which scheme which credential, with which proofs, and for which address.
import { MayflyError } from '../../client/errors.js';
import type { ProtectedTool, ShownRequest } from '../options.js';

export interface Shown {
  readonly token: string | undefined;
  readonly request: ShownRequest;
}

/** RFC 6750 §2.1, RFC 9449 §7.1: in the header alone. Addresses end up in logs. */
const AUTHORIZATION = /^(Bearer|DPoP) +([\w.~+/-]+=*) *$/i;

export interface Headers {
  readonly authorization: readonly string[];
  readonly proofs: readonly string[];
}

/** @param path with its query, as the caller asked for it */
export function shownIn(
  { authorization, proofs }: Headers,
  method: string,
  path: string,
  tool: ProtectedTool,
): Shown {
  const [, scheme, token] = (authorization.length === 1 && AUTHORIZATION.exec(authorization[0]!)) || [];
  const isDpop = scheme?.toLowerCase() === 'dpop';
  // Something was shown, and is nothing that could be meant.
  const unreadable = token === undefined && authorization.length > 0 ? '.' : undefined;
  const url = isDpop || proofs.length > 0 ? addressOf(path, tool) : path;
  return {
    token: token ?? unreadable,
    request: { method, url, proofs, ...(scheme !== undefined && { scheme: isDpop ? 'DPoP' : 'Bearer' }) },
  };
}

/** Where callers find the tool, and behind it the path: the Host header is whatever the caller says. */
function addressOf(path: string, { baseUrl, audience }: ProtectedTool): string {
  const base = baseUrl ?? audience;
  if (!/^https?:\/\//.test(base)) {
    throw new MayflyError(
      'ERR_USAGE',
      `proofs of keys need the baseUrl of the tool: ${audience} is no http URL`,
    );
  }
  // With a baseUrl, its path is one that a proxy took off; with the audience alone, callers see what we see.
  const front = baseUrl === undefined ? new URL(base).origin : base.replace(/\/+$/, '');
  return `${front}${pathIn(path)}`;
}

/**
 * A request line may hold a whole URI (RFC 9112 §3.2.2), and is then routed by the path of it: a proof for the front page
 * must open no other.
 */
function pathIn(target: string): string {
  if (target.startsWith('/')) return target;
  const { pathname, search } = URL.canParse(target) ? new URL(target) : { pathname: '/', search: '' };
  return `${pathname.startsWith('/') ? pathname : '/'}${search}`;
}
