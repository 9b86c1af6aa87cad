// Where a broker listens: for its callers, by TLS or not, and for those who watch it.
import type { FixedSettings } from '../config/settings.js';
import type { Edge } from './call.js';
import { Certificate } from './certificate.js';
import type { RunningMetricsServer } from './metrics-server.js';
import { listenForMetrics } from './metrics-server.js';
import type { RunningServer } from './server.js';
import { listen } from './server.js';

export interface Listeners {
  /** With the port that it got. */
  readonly url: string;
  /** Reads the certificate's files now, and says in the log what became of it. */
  rereadCertificate(): Promise<void>;
  /** Callers are answered first; who watches may do so until then. */
  drain(): Promise<void>;
}

/** Connections where operations are: people and their scripts. */
const OPERATORS = 256;

type Place = FixedSettings['listen'];
type Terms = Pick<FixedSettings, 'listen' | 'operations' | 'http' | 'tls' | 'metrics' | 'issuer'>;

export async function openListeners(edge: Edge, terms: Terms): Promise<Listeners> {
  const { issuer, tls, http, operations } = terms;
  const { log, broker, metrics } = edge;
  const certificate = tls && (await Certificate.open({ files: tls, issuer, clock: broker.clock, log }));
  const scheme = certificate ? 'https' : 'http';
  const open: { drain(): Promise<void> }[] = [];
  const close = async (): Promise<void> => {
    // Callers are answered first, whichever way they came.
    await Promise.all(open.map((one) => one.drain()));
    await watchers?.close();
    certificate?.stop();
  };
  const serve = async (place: Place & { readonly maxConnections?: number }): Promise<RunningServer> => {
    const server = await listen(edge, { ...http, ...place, ...(certificate && { certificate }) });
    open.push(server);
    return server;
  };
  let watchers: RunningMetricsServer | undefined;
  try {
    watchers = terms.metrics && (await listenForMetrics(edge, terms.metrics));
    // Of its own because Node takes one connection of a socket at each turn of its loop: where thousands a second come
    // to the other, whoever comes there waits for seconds, and nothing that we do with those in front helps.
    const reserved = operations && (await serve({ ...operations, maxConnections: OPERATORS }));
    const server = await serve(terms.listen);
    metrics.read('connections_open', () => server.connections + (reserved?.connections ?? 0));
    if (terms.metrics && watchers)
      log.info({ url: `${urlOf('http', terms.metrics.host, watchers.port)}/metrics` }, 'metrics are here');
    if (operations && reserved)
      log.info({ url: urlOf(scheme, operations.host, reserved.port) }, 'operations are here');
    return {
      url: urlOf(scheme, terms.listen.host, server.port),
      rereadCertificate: async () => certificate?.look(true),
      drain: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

const urlOf = (scheme: string, host: string, port: number): string =>
  `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`;
