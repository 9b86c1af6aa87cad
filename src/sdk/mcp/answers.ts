// What a client is told whose credential is good and whose message or session is not: JSON-RPC errors.
import type { Flaw } from './message.js';

const RETRY_AFTER_S = '1';

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
