// Status lists for whoever asks (Token Status List): which there are, and each of them, with what caches have to know.
import type { IncomingMessage } from 'node:http';
import { Refusal } from '../domain/refusal.js';
import type { ListToken, StatusLists } from '../revocation/status-lists.js';
import { STATUS_LIST_TYPE } from '../revocation/status-lists.js';
import { StoreUnavailable } from '../store/store.js';
import type { Answer } from './answer.js';
import { refusalAnswer } from './errors.js';

/** Absent where none are configured: there is nothing at these addresses then. */
export interface StatusListEdge {
  readonly statusLists?: StatusLists;
}

/** Status List Aggregation. */
export const aggregationAnswer = ({ statusLists }: StatusListEdge, requestId: string): Promise<Answer> =>
  answered(requestId, async () => {
    if (!statusLists) return undefined;
    const body = { status_lists: await statusLists.uris() };
    return { status: 200, body, headers: kept('application/json', statusLists.freshForSeconds) };
  });

export const statusListAnswer = (
  { statusLists }: StatusListEdge,
  id: string,
  { headers }: Pick<IncomingMessage, 'headers'>,
  requestId: string,
): Promise<Answer> =>
  answered(requestId, async () => {
    const list = await statusLists?.token(id);
    if (!list) return undefined;
    const caching = { ...kept(`application/${STATUS_LIST_TYPE}`, list.freshForSeconds), etag: list.etag };
    return isKnown(list, headers['if-none-match'])
      ? { status: 304, headers: caching }
      : { status: 200, body: list.jwt, headers: caching };
  });

/** RFC 9110 §13.1.2, by weak comparison. */
const isKnown = ({ etag }: ListToken, known = ''): boolean =>
  known.split(',').some((one) => ['*', etag, `W/${etag}`].includes(one.trim()));

const kept = (type: string, seconds: number): Record<string, string> => ({
  'content-type': type,
  'cache-control': `public, max-age=${seconds}`,
  'access-control-allow-origin': '*',
});

/** Nobody is asked who they are, so nothing of it is on record: a flood would fill the log. */
async function answered(requestId: string, work: () => Promise<Answer | undefined>): Promise<Answer> {
  try {
    return (await work()) ?? refusalAnswer(new Refusal('route_unknown'), requestId, 'problem');
  } catch (error) {
    if (error instanceof StoreUnavailable)
      return refusalAnswer(new Refusal('store_unavailable'), requestId, 'problem');
    throw error;
  }
}
