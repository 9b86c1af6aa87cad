// A listener for those who watch: metrics and health in plain http, apart from what callers use, with limits of its own.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { requestId } from '../domain/ids.js';
import type { Answer } from './answer.js';
import { ok, send } from './answer.js';
import type { Edge } from './call.js';
import { healthAnswer, metricsAnswer, readinessAnswer } from './health.js';
import { securityHeaders } from './security-headers.js';

export interface RunningMetricsServer {
  readonly port: number;
  /** Ends at once what is still asked: nothing is lost by it. */
  close(): Promise<void>;
}

/** A scraper or two, and a probe. */
const MOST_CONNECTIONS = 64;
const TIMEOUT_MS = 5000;
const HEADER_BYTES = 8 * 1024;

/** Nothing of it is recorded: it is asked every few seconds, and tells nobody's secrets. */
export async function listenForMetrics(
  edge: Edge,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<RunningMetricsServer> {
  const answers: Readonly<Record<string, () => Answer | Promise<Answer>>> = {
    '/metrics': () => metricsAnswer(edge),
    '/healthz': healthAnswer,
    '/readyz': () => readinessAnswer(edge),
  };
  const headers = securityHeaders(false);
  const answerTo = (method = '', path = ''): Answer | Promise<Answer> => {
    const answer = Object.hasOwn(answers, path) ? answers[path] : undefined;
    if (!answer) return NOTHING_HERE;
    return method === 'GET' || method === 'HEAD' ? answer() : NOT_THIS_METHOD;
  };
  const server = createServer(
    {
      connectionsCheckingInterval: 1000,
      headersTimeout: TIMEOUT_MS,
      requestTimeout: TIMEOUT_MS,
      maxHeaderSize: HEADER_BYTES,
      requireHostHeader: false,
    },
    ({ method, url }, response) => {
      const saying = async (): Promise<Answer> => answerTo(method, url?.split('?', 1)[0]);
      void saying()
        .catch((error: unknown) => {
          edge.log.error({ err: error }, 'the metrics could not be told');
          return ok({ status: 'failed' }, 500);
        })
        .then((answer) => send(response, answer, requestId(), headers));
    },
  );
  server.maxConnections = MOST_CONNECTIONS;
  // Nothing that cannot be read as a request, or waits without reading its answer, is worth an answer here.
  server.on('clientError', (_error, socket) => socket.destroy());
  server.setTimeout(2 * TIMEOUT_MS);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  server.on('error', (error) => edge.log.error({ err: error }, 'the listening socket for metrics failed'));
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const NOTHING_HERE = ok({ status: 'there is nothing at this address' }, 404);
const NOT_THIS_METHOD: Answer = {
  ...ok({ status: 'this method is not for this address' }, 405),
  headers: { allow: 'GET, HEAD' },
};
