// What a tool and the way in which its credentials are made say against each other.
import { isLoopback } from '../../domain/loopback.js';
import type { Plane } from '../../domain/tool.js';
import type { Draft, ToolDraft } from '../draft.js';
import type { Path, Say } from '../mistakes.js';
import { awsStsContradictions } from './aws-sts-contradictions.js';
import type { PostgresDraft } from './draft.js';

/** `given`: whether the file says anything at this path, be it good or not. */
export function credentialContradictions(
  { tools }: Pick<Draft, 'tools'>,
  given: (path: Path) => boolean,
  say: Say,
): void {
  for (const tool of tools) {
    const { credential } = tool;
    if (credential.kind === 'postgres') {
      planeContradiction(tool, ['data'], 'open a database', say);
      externalContradictions(tool, say);
      postgresContradictions(tool.name, credential, given, say);
      statementContradictions(tool, credential, say);
    } else if (credential.kind === 'aws-sts') {
      planeContradiction(tool, ['cloud', 'data'], 'open a cloud', say);
      externalContradictions(tool, say);
      awsStsContradictions(tool, credential, given, say);
    }
  }
}

function planeContradiction(
  { name, plane, credential }: ToolDraft,
  planes: readonly Plane[],
  because: string,
  say: Say,
): void {
  if (plane === undefined || planes.includes(plane)) return;
  say(
    ['tools', name, 'plane'],
    `must be ${planes.join(' or ')}: credentials of kind ${credential.kind} ${because}`,
  );
}

/** Whoever holds a copy at a target asks us no more. */
function externalContradictions(
  { name, renewable, require_dpop: bound, credential }: ToolDraft,
  say: Say,
): void {
  const at = ['tools', name];
  const of = `a credential of kind ${credential.kind}`;
  if (renewable === true) say([...at, 'renewable'], `must be false: ${of} is not renewed, ask for another`);
  // Whoever has the secret has all of it: no target asks for the proof of a key.
  if (bound === true) say([...at, 'require_dpop'], `must be false: ${of} cannot be bound to a key`);
}

function statementContradictions(
  { name, actions }: ToolDraft,
  { actionNames }: PostgresDraft,
  say: Say,
): void {
  if (!actions || !actionNames) return;
  const at = ['tools', name, 'credential', 'actions'];
  for (const action of actions)
    if (!actionNames.includes(action)) say(at, `has no statements for the action ${action}`);
  for (const action of actionNames)
    if (!actions.includes(action)) say([...at, action], 'is not among the actions of the tool');
}

function postgresContradictions(
  name: string,
  credential: PostgresDraft,
  given: (path: Path) => boolean,
  say: Say,
): void {
  const at = ['tools', name, 'credential'];
  const has = (member: string): boolean => given([...at, member]);
  if (has('password_file') && has('password_env'))
    say([...at, 'password_env'], 'cannot be given together with password_file: keep one');
  if (!has('password_file') && !has('password_env') && !has('password'))
    say(at, 'needs the password of its user: name it under password_file or password_env');

  const { host, tls, dangerously_without_tls: without, owns, user, database, databases } = credential;
  if (tls === false && host !== undefined && !without && !isLoopback(host)) {
    say(
      [...at, 'tls'],
      'must not be false for a host that is not this machine: say dangerously_without_tls: true if you mean it',
    );
  }
  if (tls !== false && without)
    say([...at, 'dangerously_without_tls'], 'goes with tls: false: take it out, or say that there is no TLS');
  if (typeof owns === 'object' && owns.reassign_to === user)
    say([...at, 'owns', 'reassign_to'], "must be a role that can do nothing, not the broker's own");
  const own = database === undefined ? -1 : (databases ?? []).indexOf(database);
  if (own >= 0) say([...at, 'databases', own], 'is the database itself: name the others only');
}
