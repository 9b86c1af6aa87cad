// What a client is told that is not let through: OAuth errors for its credential, JSON-RPC errors for its message.
import type { CredentialRefused } from '../verifier/index.js';
import type { Flaw } from './message.js';

/** Soon enough for a feed that is being read anew. */
const RETRY_AFTER_S = '1';

/** RFC 6750 §3.1. The message is the same for every reason that has the same answer. */
export function refused({ status, error, message, wwwAuthenticate }: CredentialRefused): Response {
  const body = { error: error ?? (status === 503 ? 'temporarily_unavailable' : 'invalid_request') };
  return Response.json(
    { ...body, error_description: message },
    {
      status,
      headers: {
        'cache-control': 'no-store',
        ...(wwwAuthenticate !== undefined && { 'www-authenticate': wwwAuthenticate }),
        ...(status === 503 && { 'retry-after': RETRY_AFTER_S }),
      },
    },
  );
}

export const flawed = ({ status, code, message }: Flaw): Response => rpcError(status, code, message);

/** As a server says it of a session that it never had: another's looks no different. The client begins a new one. */
export const noSession = (): Response => rpcError(404, -32001, 'Session not found');

export const noRoom = (): Response =>
  rpcError(503, -32000, 'There are too many sessions.', { 'retry-after': RETRY_AFTER_S });

const rpcError = (
  status: number,
  code: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Response => Response.json({ jsonrpc: '2.0', error: { code, message }, id: null }, { status, headers });
