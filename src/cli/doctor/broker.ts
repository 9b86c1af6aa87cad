// A broker that runs, by its URL: whether it is there, can work, and is who it says it is.
import { connect as connectTls } from 'node:tls';
import { DAY_MS, showDuration } from '../../domain/duration.js';
import { type ClientOptions, MayflyClient, MayflyError } from '../../sdk/client/index.js';
import { troubleIn } from './causes.js';
import { clockFinding } from './clock.js';
import { type Finding, broken, caution, ok } from './finding.js';

const CHECK = 'broker';
/** What a task's deadline and a credential's end are worth to a caller with another clock. */
const MOST_SKEW_MS = 30_000;
const SOON_MS = 14 * DAY_MS;
const ANSWERS_WITHIN_MS = 5000;

export async function brokerFindings(options: Omit<ClientOptions, 'onAnswer'>): Promise<Finding[]> {
  let aheadMs: number | undefined;
  try {
    const client = new MayflyClient({
      ...options,
      timeoutMs: ANSWERS_WITHIN_MS,
      retries: 0,
      onAnswer: ({ brokerTime, tookMs }) => {
        // It was so late at some time within its second, and while the answer was on its way.
        if (brokerTime !== undefined) aheadMs = brokerTime + 500 - (Date.now() - tookMs / 2);
      },
    });
    const found = [await readyFinding(client), await metadataFinding(client), await keysFinding(client)];
    if (aheadMs !== undefined) found.push(clockOf(client.url, aheadMs));
    return [...found, ...(await certificateFindings(client.url))];
  } catch (error) {
    if (!(error instanceof MayflyError)) throw error;
    return [broken(CHECK, error.message, todoAbout(error))];
  }
}

function todoAbout(error: MayflyError): string {
  if (error.code === 'ERR_USAGE') return 'Correct --url, or MAYFLY_URL.';
  const isAnswer = error.status !== undefined || error.code === 'ERR_NOT_A_BROKER';
  if (isAnswer) return 'Is that the address of the broker? Something else may answer there.';
  return troubleIn(error.cause ?? error).todo;
}

const clockOf = (url: string, aheadMs: number): Finding =>
  clockFinding('clock.broker', `the clock of the broker at ${url}`, aheadMs, {
    mostMs: MOST_SKEW_MS,
    harm: 'tokens that are made on one of the two may be refused on the other',
  });

async function readyFinding(client: MayflyClient): Promise<Finding> {
  const { ready, why = 'it does not say why' } = await client.readiness();
  return ready
    ? ok(CHECK, `${client.url} is ready`)
    : broken(CHECK, `${client.url} is not ready: ${why}`, 'Mend what it names, and look at its log.');
}

async function metadataFinding(client: MayflyClient): Promise<Finding> {
  const { issuer } = await client.metadata();
  return issuer === client.url
    ? ok('broker.issuer', `its issuer is ${issuer}`)
    : caution(
        'broker.issuer',
        `it calls itself ${issuer}, and is asked at ${client.url}: clients that follow its metadata go there`,
        'Use that URL, or correct `issuer` in its configuration.',
      );
}

async function keysFinding(client: MayflyClient): Promise<Finding> {
  const { keys } = await client.jwks();
  return keys.length > 0
    ? ok('broker.keys', `it publishes ${keys.length === 1 ? 'one key' : `${keys.length} keys`}`)
    : broken('broker.keys', 'it publishes no key: nobody can check a credential', 'Look at its log.');
}

/** That it was accepted is known by now. */
async function certificateFindings(url: string): Promise<Finding[]> {
  const { protocol, hostname, port } = new URL(url);
  if (protocol !== 'https:') return [];
  const until = await new Promise<number>((resolve) => {
    const servername = hostname.replace(/^\[|\]$/g, '');
    const socket = connectTls({ host: servername, port: Number(port || 443), servername }, () => {
      resolve(Date.parse(socket.getPeerCertificate().valid_to));
      socket.destroy();
    });
    socket.setTimeout(ANSWERS_WITHIN_MS, () => socket.destroy());
    socket.once('error', () => {}).once('close', () => resolve(Number.NaN));
  });
  if (Number.isNaN(until)) return [];
  const leftMs = until - Date.now();
  const day = new Date(until).toISOString().slice(0, 10);
  return [
    leftMs < SOON_MS
      ? caution(
          'broker.certificate',
          `its certificate ends in ${showDuration(leftMs)}, on ${day}`,
          'Renew it.',
        )
      : ok('broker.certificate', `its certificate is good until ${day}`),
  ];
}
