// Where a broker listens: for its callers, by TLS or not, and for those who watch it.
import type { FixedSettings } from '../config/settings.js';
import type { Edge } from './call.js';
import { Certificate } from './certificate.js';
import { listenForMetrics } from './metrics-server.js';
import { listen } from './server.js';

export interface Listeners {
  /** With the port that it got. */
  readonly url: string;
  /** Reads the certificate's files now, and says in the log what became of it. */
  rereadCertificate(): Promise<void>;
  /** Callers are answered first; who watches may do so until then. */
  drain(): Promise<void>;
}

type Terms = Pick<FixedSettings, 'listen' | 'http' | 'tls' | 'metrics' | 'issuer'>;

export async function openListeners(edge: Edge, terms: Terms): Promise<Listeners> {
  const { issuer, tls, http } = terms;
  const { log, broker, metrics } = edge;
  const certificate = tls && (await Certificate.open({ files: tls, issuer, clock: broker.clock, log }));
  const watchers = terms.metrics && (await listenForMetrics(edge, terms.metrics));
  try {
    const server = await listen(edge, { ...http, ...terms.listen, ...(certificate && { certificate }) });
    metrics.read('connections_open', () => server.connections);
    if (terms.metrics && watchers)
      log.info({ url: `${urlOf('http', terms.metrics.host, watchers.port)}/metrics` }, 'metrics are here');
    return {
      url: urlOf(certificate ? 'https' : 'http', terms.listen.host, server.port),
      rereadCertificate: async () => certificate?.look(true),
      async drain() {
        await server.drain();
        await watchers?.close();
        certificate?.stop();
      },
    };
  } catch (error) {
    await watchers?.close();
    certificate?.stop();
    throw error;
  }
}

const urlOf = (scheme: string, host: string, port: number): string =>
  `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`;
