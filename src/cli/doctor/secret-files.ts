// Files with secrets in them: whether others than their owner can read them.
import { statSync } from 'node:fs';
import type { SecretFile } from '../../config/secret-files.js';
import { type Finding, broken, ok } from './finding.js';

const READABLE_BY_ALL = 0o004;
const WRITABLE_BY_OTHERS = 0o022;

/** One finding for all that are well kept, and one for each that is not. A file that is not there is somebody else's finding. */
export function secretFileFindings(files: readonly SecretFile[]): Finding[] {
  const kept: string[] = [];
  const found: Finding[] = [];
  for (const { what, path } of files) {
    const mode = modeOf(path);
    if (mode === undefined) continue;
    if ((mode & READABLE_BY_ALL) !== 0)
      found.push(
        broken(
          `files.${what}`,
          `everybody on this machine can read ${path}`,
          `chmod 600 ${path}, and replace what was in it.`,
        ),
      );
    else if ((mode & WRITABLE_BY_OTHERS) !== 0)
      found.push(broken(`files.${what}`, `others than its owner can write ${path}`, `chmod 600 ${path}`));
    else kept.push(what);
  }
  return kept.length === 0 ? found : [ok('files', `kept from others: ${kept.join(', ')}`), ...found];
}

function modeOf(path: string): number | undefined {
  try {
    return statSync(path).mode;
  } catch {
    return undefined;
  }
}
