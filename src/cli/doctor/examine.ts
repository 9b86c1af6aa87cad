// All that the doctor looks at, in the order in which one thing rests on another. Changes nothing.
import { readFileSync } from 'node:fs';
import { sealKeyFile } from '../../config/environment.js';
import { secretFilesOf } from '../../config/secret-files.js';
import type { Settings } from '../../config/settings.js';
import type { ClientOptions } from '../../sdk/client/index.js';
import { brokerFindings } from './broker.js';
import { readConfiguration } from './configuration.js';
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
  readonly tokenFile?: string;
}

export async function examine({ config, broker, tokenFile }: Examination): Promise<Finding[]> {
  const found: Finding[] = [];
  const read = config === undefined ? undefined : await readConfiguration(config);
  if (read) found.push(...read.findings);
  if (read?.settings) found.push(...(await settingsFindings(config!, read.settings)));
  if (broker) found.push(...(await brokerFindings(broker)));
  if (tokenFile !== undefined) found.push(...(await tokenFrom(tokenFile, read?.settings, broker)));
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
  file: string,
  settings: Settings | undefined,
  broker: Examination['broker'],
): Promise<Finding[]> {
  if (!settings) return broker ? tokenAtBroker({ ...broker, token: { file } }) : [];
  try {
    return await tokenFindings(readFileSync(file, 'utf8').trim(), settings);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    return [broken('token', `${file} cannot be read (${code})`, 'Give another file.')];
  }
}
