// Whether a configuration is good: what `mayfly serve --check` says, without starting anything.
import { cautionsAbout } from '../../config/cautions.js';
import { givenSealKeys } from '../../config/environment.js';
import { loadSettings } from '../../config/load.js';
import { plain } from '../plain.js';
import type { Shell } from '../shell.js';

/** @throws ConfigurationError with every mistake */
export async function checkConfiguration(path: string, shell: Shell): Promise<void> {
  const settings = await loadSettings(path);
  const { issuer, catalogue, trust } = settings;
  givenSealKeys();
  const tools = catalogue.all().map(({ name }) => name);
  const names = trust.map(({ name }) => name);
  for (const caution of cautionsAbout(settings)) shell.err(plain(`warning: ${caution}`));
  shell.out(plain(`${path} is good: ${issuer}, trust ${names.join(' ')}, tools ${tools.join(' ')}`));
}
