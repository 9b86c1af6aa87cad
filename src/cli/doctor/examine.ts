// All that the doctor looks at, in the order in which one thing rests on another. Changes nothing.
import { readFileSync } from 'node:fs';
import { sealKeyFile } from '../../config/environment.js';
import { secretFilesOf } from '../../config/secret-files.js';
import type { Settings } from '../../config/settings.js';
import type { ClientOptions, DpopKey } from '../../sdk/client/index.js';
import type { WorkloadToken } from '../workload-token.js';
import { brokerFindings } from './broker.js';
import { readConfiguration } from './configuration.js';
import { dpopKeyAt } from './dpop-key.js';
import { type Finding, broken } from './finding.js';
import { issuerFindings } from './issuers.js';
import { limitFindings } from './limits.js';
import { listenerFindings } from './listeners.js';
import { sealFrom } from './seal-keys.js';
import { secretFileFindings } from './secret-files.js';
import { signingKeyFindings } from './signing-keys.js';
import { storeFindings } from './store.js';
import { tlsFindings } from './tls.js';
import { tokenAtBroker, tokenFindings } from './token.js';

export interface Examination {
  readonly config?: string;
  /** A broker that runs. */
  readonly broker?: Omit<ClientOptions, 'onAnswer'>;
  /** A workload token. */
  readonly token?: WorkloadToken;
  /** Of the key that proofs are made with. */
  readonly keyFile?: string;
}

export async function examine({ config, broker, token, keyFile }: Examination): Promise<Finding[]> {
  const found: Finding[] = [];
  const read = config === undefined ? undefined : await readConfiguration(config);
  if (read) found.push(...read.findings);
  if (read?.settings) found.push(...(await settingsFindings(config!, read.settings)));
  if (broker) found.push(...(await brokerFindings(broker)));
  const dpop = keyFile === undefined ? undefined : await dpopKeyAt(keyFile);
  if (dpop) found.push(dpop.finding);
  if (token !== undefined) found.push(...(await tokenFrom(token, read?.settings, broker, dpop?.key)));
  return found;
}

async function settingsFindings(config: string, settings: Settings): Promise<Finding[]> {
  const now = Date.now();
  const sealFile = sealKeyFile();
  const secretFiles = await secretFilesOf(config);
  if (sealFile !== undefined) secretFiles.push({ what: 'MAYFLY_SEAL_KEY_FILE', path: sealFile });
  const { finding, seal } = sealFrom(settings);
  const store = await storeFindings(settings);
  const issuers = await Promise.all(settings.trust.map((trust) => issuerFindings(trust)));
  return [
    ...secretFileFindings(secretFiles),
    finding,
    ...store.findings,
    ...(store.signingKeys ? signingKeyFindings(store.signingKeys, seal, settings.keys, now) : []),
    ...issuers.flat(),
    ...(await tlsFindings(settings, now)),
    ...(await listenerFindings(settings)),
    ...limitFindings(settings),
  ];
}

async function tokenFrom(
  token: WorkloadToken,
  settings: Settings | undefined,
  broker: Examination['broker'],
  key: DpopKey | undefined,
): Promise<Finding[]> {
  if (!settings) {
    return broker ? tokenAtBroker({ ...broker, token, ...(key && { dpop: key }) }) : [];
  }
  try {
    return await tokenFindings((await textOf(token)).trim(), settings, key?.thumbprint);
  } catch (error) {
    const { code, path = 'it' } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    return [broken('token', `${path} cannot be read (${code})`, 'Give another file.')];
  }
}

function textOf(source: WorkloadToken): string | Promise<string> {
  if (typeof source === 'string') return source;
  return typeof source === 'function' ? source() : readFileSync(source.file, 'utf8');
}
