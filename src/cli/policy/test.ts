// `mayfly policy test`: decides cases as the broker would, and tells where it comes out otherwise than expected.
import { cedarPolicy } from '../../policy/cedar/cedar-policy.js';
import type { Decision } from '../../policy/policy.js';
import { jsonText } from '../broker-command.js';
import { EXIT, Failure } from '../failure.js';
import { plain } from '../plain.js';
import type { Shell } from '../shell.js';
import type { PolicyOptions } from './options.js';
import { atHand, placeText } from './at-hand.js';
import type { Case } from './case-files.js';
import { readCases } from './case-files.js';
import { inputOf } from './case-input.js';
import { differencesIn } from './case-verdict.js';
import { decisionText, decisionView } from './decision-text.js';

interface Tested {
  readonly one: Case;
  readonly decision: Decision;
  readonly differences: readonly string[];
}

export async function test(files: readonly string[], options: PolicyOptions, shell: Shell): Promise<void> {
  const at = await atHand(options, shell);
  const policy = cedarPolicy(at.loaded.set, at.catalogue, at.digest);
  const tested = (await readCases(files, at)).map((one): Tested => {
    const decision = policy.decide(inputOf(one, at.catalogue));
    return { one, decision, differences: differencesIn(one, decision) };
  });
  if (tested.length === 0)
    throw new Failure(
      EXIT.refused,
      `there are no cases: write ${at.folder}/….test.yaml beside the policies, or name a file`,
    );
  const failed = tested.filter(({ differences }) => differences.length > 0).length;
  const determining = new Set(tested.flatMap(({ decision }) => decision.determining));
  const untested = at.loaded.set.policies
    .filter(({ name }) => !determining.has(name))
    .map(({ name, place }) => ({ name, ...at.placed(place) }));
  const counts = { passed: tested.length - failed, failed };
  if (options.json) shell.out(jsonText({ ...counts, cases: tested.map(view), untested }));
  else {
    for (const one of tested) shell.out(testedText(one));
    for (const one of untested) shell.out(plain(`no case was decided by ${one.name} (${placeText(one)})`));
    shell.out(`${counts.passed} passed, ${failed} failed`);
  }
  if (failed > 0) throw new Failure(EXIT.refused, `${failed} of ${tested.length} cases came out otherwise`);
}

function testedText({ one, decision, differences }: Tested): string {
  if (differences.length === 0) return plain(`ok    ${one.name}`);
  const lines = [
    `FAIL  ${one.name} (${placeText(one)})`,
    ...differences.map((difference) => `      ${difference}`),
    `      came: ${decisionText(decision)}`,
  ];
  return lines.map(plain).join('\n');
}

const view = ({ one, decision, differences }: Tested): object => ({
  name: one.name,
  file: one.file,
  line: one.line,
  passed: differences.length === 0,
  expected: one.expect,
  came: decisionView(decision),
  differences,
});
