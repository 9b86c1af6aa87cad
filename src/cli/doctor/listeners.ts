// Where the broker would listen: whether the place is free, or who has it.
import { request as requestPlain } from 'node:http';
import { request as requestTls } from 'node:https';
import { createServer } from 'node:net';
import type { Settings } from '../../config/settings.js';
import { type Finding, broken, ok } from './finding.js';

interface Place {
  readonly host: string;
  readonly port: number;
}

const ANSWERS_WITHIN_MS = 3000;

export async function listenerFindings({
  listen,
  operations,
  metrics,
  tls,
  issuer,
}: Settings): Promise<Finding[]> {
  const scheme = tls ? 'https' : 'http';
  const found = [await placeFinding('listen', listen, () => brokerAt('listen', scheme, listen, issuer))];
  if (operations) {
    const check = 'operations.listen';
    found.push(await placeFinding(check, operations, () => brokerAt(check, scheme, operations, issuer)));
  }
  if (metrics) found.push(await placeFinding('metrics.listen', metrics, () => healthAt(metrics)));
  return found;
}

async function placeFinding(
  check: string,
  place: Place,
  whoIsThere: () => Promise<Finding>,
): Promise<Finding> {
  const { host, port } = place;
  const address = `${host}:${port}`;
  switch (await listenError(place)) {
    case undefined:
      return ok(check, `${address} is free: no broker runs there`);
    case 'EADDRINUSE':
      return whoIsThere();
    case 'EADDRNOTAVAIL':
      return broken(
        check,
        `${host} is no address of this machine`,
        'Listen on one that it has (ip addr), or on 0.0.0.0 or ::.',
      );
    case 'EACCES':
      return broken(
        check,
        `this user may not listen on port ${port}`,
        'Take a port above 1023, or give CAP_NET_BIND_SERVICE.',
      );
    default:
      return broken(check, `nobody can listen on ${address}`, 'Correct `listen`.');
  }
}

/** Listens and stops at once: nobody could have called meanwhile whom that would have harmed. */
function listenError({ host, port }: Place): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'unknown'));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

async function brokerAt(
  check: string,
  scheme: 'http' | 'https',
  place: Place,
  issuer: string,
): Promise<Finding> {
  const address = `${place.host}:${place.port}`;
  const metadata = await documentAt(scheme, place, '/.well-known/oauth-authorization-server');
  const named = metadata?.body['issuer'];
  if (named === undefined)
    return broken(
      check,
      `${address} is taken by something that is no broker`,
      `Find it (ss -ltnp 'sport = :${place.port}') and end it, or change \`${check}\`.`,
    );
  if (named !== issuer)
    return broken(
      check,
      `${address} is taken by another broker, of ${JSON.stringify(named)}`,
      `Change \`${check}\`, or end that one.`,
    );
  const ready = await documentAt(scheme, place, '/readyz');
  if (ready?.status === 200) return ok(check, `the broker runs at ${address}, and is ready`);
  const why = JSON.stringify(ready?.body['why'] ?? 'it does not say why');
  return broken(
    check,
    `the broker runs at ${address}, and is not ready: ${why}`,
    'Mend what it names, and look at its log.',
  );
}

async function healthAt(place: Place): Promise<Finding> {
  const address = `${place.host}:${place.port}`;
  const health = await documentAt('http', place, '/healthz');
  return health?.body['status'] === 'alive'
    ? ok('metrics.listen', `a broker serves its metrics at ${address}`)
    : broken(
        'metrics.listen',
        `${address} is taken by something that is no broker`,
        `Find it (ss -ltnp 'sport = :${place.port}'), or change \`metrics.listen\`.`,
      );
}

interface Document {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Over loopback, whatever name its certificate is for; nothing is told to whoever answers. */
function documentAt(
  scheme: 'http' | 'https',
  { host, port }: Place,
  path: string,
): Promise<Document | undefined> {
  const near = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  const options = {
    host: near,
    port,
    path,
    agent: false,
    signal: AbortSignal.timeout(ANSWERS_WITHIN_MS),
    rejectUnauthorized: false,
  };
  return new Promise((resolve) => {
    const sent = (scheme === 'https' ? requestTls : requestPlain)(options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        text += piece;
        if (text.length > 65_536) sent.destroy();
      });
      response.on('end', () => resolve(read(response.statusCode ?? 0, text)));
    });
    sent.on('error', () => resolve(undefined));
    sent.on('close', () => resolve(undefined));
    sent.end();
  });
}

function read(status: number, text: string): Document | undefined {
  try {
    const body: unknown = JSON.parse(text);
    return body !== null && typeof body === 'object' ? { status, body: body as Document['body'] } : undefined;
  } catch {
    return undefined;
  }
}
