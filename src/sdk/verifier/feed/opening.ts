// Opens the stream by node:http, where each event costs a fraction of what it does through fetch; by fetch where one was
// given, as the way to the broker is then that one's affair: a proxy, authorities of its own.
import { get, type IncomingMessage } from 'node:http';
import { get as getSecurely } from 'node:https';

export interface Opened {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  /** Resolves at its end. Rejects with what `take` throws, and where the connection breaks. */
  read(take: (chunk: Uint8Array) => void): Promise<void>;
  /** It is not read. */
  leave(): void;
}

/** Ends, while it is opened and while it is read, with the signal. */
export type Open = (
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
) => Promise<Opened>;

export const openBy =
  (fetched: typeof fetch): Open =>
  async (url, headers, signal) => {
    const { status, headers: answered, body } = await fetched(url, { headers, redirect: 'manual', signal });
    return {
      status,
      headers: answered,
      async read(take) {
        for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) take(chunk);
      },
      leave: () => void body?.cancel().catch(() => {}),
    };
  };

export const openByNode: Open = (url, headers, signal) =>
  new Promise((resolve, reject) => {
    const ask = url.startsWith('https:') ? getSecurely : get;
    // A connection of its own: it ends with the stream.
    ask(url, { headers, signal, agent: false }, (response) => resolve(opened(response))).on('error', reject);
  });

function opened(response: IncomingMessage): Opened {
  // Also where nobody reads: it would end the program.
  response.on('error', () => {});
  return {
    status: response.statusCode ?? 0,
    headers: { get: (name) => textOf(response.headers[name]) },
    read: (take) =>
      new Promise((resolve, reject) => {
        response.once('end', resolve).once('error', reject);
        response.on('data', (chunk: Buffer) => {
          try {
            take(chunk);
          } catch (error) {
            response.destroy(error as Error);
          }
        });
      }),
    leave: () => response.destroy(),
  };
}

const textOf = (header: string | string[] | undefined): string | null =>
  header === undefined ? null : [header].flat().join(', ');
