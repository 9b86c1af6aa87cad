// `mayfly policy check`: every mistake in the policies, or what is probably not meant, and what they come to.
import { neverMatching } from '../../policy/cedar/never-matching.js';
import { notPermitted } from '../../policy/cedar/not-permitted.js';
import type { PolicyFlaw } from '../../policy/cedar/parse.js';
import { shadowed } from '../../policy/cedar/shadowed.js';
import { jsonText } from '../broker-command.js';
import { EXIT, Failure } from '../failure.js';
import { plain } from '../plain.js';
import type { Shell } from '../shell.js';
import type { CheckOptions } from './options.js';
import { atHand, counted, placeText } from './at-hand.js';

export async function check(options: CheckOptions, shell: Shell): Promise<void> {
  const { loaded, catalogue, digest, placed, folder } = await atHand(options, shell);
  const { policies } = loaded.set;
  const inFiles = [...loaded.warnings, ...neverMatching(policies, catalogue), ...shadowed(policies)];
  const ofAll = notPermitted(policies).map((message): PolicyFlaw => ({ file: folder, message }));
  const warnings = [...ofAll, ...inFiles.map((flaw) => ({ ...flaw, ...placed(flaw) }))].toSorted(
    (a, b) => a.file.localeCompare(b.file) || (a.line ?? 0) - (b.line ?? 0),
  );
  const permits = policies.filter(({ effect }) => effect === 'permit').length;
  const forbids = policies.length - permits;
  const files = loaded.files.length;
  if (options.json) shell.out(jsonText({ files, permits, forbids, digest, warnings }));
  else {
    for (const flaw of warnings) shell.err(plain(`${placeText(flaw)}: warning: ${flaw.message}`));
    const counts = [counted(files, 'file'), counted(permits, 'permit'), counted(forbids, 'forbid')];
    shell.out(`no mistakes: ${counts.join(', ')}, digest ${digest}`);
  }
  if (options.strict && warnings.length > 0)
    throw new Failure(EXIT.refused, `${counted(warnings.length, 'warning')}, and --strict takes none`);
}
