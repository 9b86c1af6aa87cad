// Which version this is, as package.json says, which lies beside src/ as beside dist/.
import { readFileSync } from 'node:fs';

export const ownVersion = (): string =>
  (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string })
    .version;
