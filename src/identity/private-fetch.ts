// `fetch` that may be told which authorities to believe: Node's own takes none, so with them node:https asks.
import { request } from 'node:https';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import type { Asking, Fetch } from './document.js';

/** Plain http goes to this machine alone, where there is nothing to vouch for. */
export const fetchWithAuthorities: Fetch = (url, asking) =>
  asking.ca === undefined || new URL(url).protocol === 'http:'
    ? globalThis.fetch(url, asking)
    : fetchTrusting(url, asking, asking.ca);

/** Follows no redirect and unpacks nothing: whoever asks looks at the status, and counts what comes. */
function fetchTrusting(url: string, { headers, signal }: Asking, ca: string): ReturnType<Fetch> {
  return new Promise((resolve, reject) => {
    // Connections that stay would be ones that an authority vouched for which has been replaced since.
    request(url, { ca, headers, signal, agent: false }, (response) => {
      // undici's and Node's own stream are one thing with two types.
      const body = Readable.toWeb(response) as ReadableStream<Uint8Array> as unknown as Response['body'];
      const { date = '' } = response.headers;
      resolve({ status: response.statusCode ?? 0, body, headers: new Headers({ date }) });
    })
      .on('error', reject)
      // A server that would change the protocol (101) gets neither an answer from us nor an error, and we wait for ever.
      .on('close', () => reject(new Error('the connection was closed without an answer')))
      .end();
  });
}
