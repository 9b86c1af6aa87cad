// What a credential of kind aws-sts says against itself, its tool, and what AWS takes.
import { templateMistakes } from '../../domain/session-template.js';
import { leastLength, MAX_POLICY_LENGTH } from '../../minters/aws-sts/session-policy.js';
import type { ToolDraft } from '../draft.js';
import type { Path, Say } from '../mistakes.js';
import type { AwsStsDraft } from './draft.js';
import { sessionTemplate } from './settings.js';

export function awsStsContradictions(
  { name, actions: toolActions }: ToolDraft,
  credential: AwsStsDraft,
  given: (path: Path) => boolean,
  say: Say,
): void {
  const at = ['tools', name, 'credential'];
  keyContradictions(at, (member) => given([...at, member]), say);
  if (given([...at, 'web_identity_audience']) && credential.web_identity !== true)
    say([...at, 'web_identity_audience'], 'goes with web_identity: true: else nothing has it');
  const { actions, dangerously_allow_token_vending: isVending = false } = credential;
  if (!actions || !toolActions) return;
  const template = sessionTemplate(actions, isVending);
  const mistakes = templateMistakes(template, toolActions);
  for (const mistake of mistakes) say([...at, ...mistake.at], mistake.message);
  if (mistakes.length > 0) return;
  for (const action of Object.keys(actions)) {
    const length = leastLength(template, action);
    if (length > MAX_POLICY_LENGTH)
      say(
        [...at, 'actions', action],
        `comes to a policy of ${length} characters at least, and STS takes ${MAX_POLICY_LENGTH}: make two actions of it`,
      );
  }
}

function keyContradictions(at: Path, has: (member: string) => boolean, say: Say): void {
  for (const secret of ['secret_access_key', 'session_token']) {
    const [file, variable] = [`${secret}_file`, `${secret}_env`];
    if (has(file) && has(variable)) say([...at, variable], `cannot be given together with ${file}: keep one`);
    for (const named of [file, variable])
      if (has(named) && !has('access_key_id'))
        say([...at, named], 'goes with access_key_id: without it, the platform says who the broker is');
  }
  if (has('access_key_id') && !['', '_file', '_env'].some((end) => has(`secret_access_key${end}`)))
    say(
      [...at, 'access_key_id'],
      'needs its secret: name it under secret_access_key_file or secret_access_key_env',
    );
}
