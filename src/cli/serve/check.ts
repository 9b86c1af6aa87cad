// Whether a configuration is good: what `mayfly serve --check` says, without starting anything.
import { cautionsAbout } from '../../config/cautions.js';
import { readCertificate } from '../../config/certificate-files.js';
import { certificateCautions } from '../../config/edge-cautions.js';
import { givenSealKeys } from '../../config/environment.js';
import { loadSettings } from '../../config/load.js';
import type { Settings } from '../../config/settings.js';
import { plain } from '../plain.js';
import type { Shell } from '../shell.js';

/** @throws ConfigurationError with every mistake */
export async function checkConfiguration(path: string, shell: Shell): Promise<void> {
  const settings = await loadSettings(path);
  const { issuer, catalogue, trust } = settings;
  givenSealKeys();
  const tools = catalogue.all().map(({ name }) => name);
  const names = trust.map(({ name }) => name);
  for (const caution of [...cautionsAbout(settings), ...(await ofCertificate(settings))])
    shell.err(plain(`warning: ${caution}`));
  shell.out(plain(`${path} is good: ${issuer}, trust ${names.join(' ')}, tools ${tools.join(' ')}`));
}

/** Its files were found good when the settings were loaded; whether it is valid now is another question. */
async function ofCertificate({ tls, issuer }: Settings): Promise<readonly string[]> {
  const read = tls && (await readCertificate(tls));
  if (!read || 'flaws' in read) return [];
  return certificateCautions(read, issuer, Date.now()).map((caution) => `${tls.certificate} ${caution}`);
}
