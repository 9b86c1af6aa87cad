// What a tool and the way in which its credentials are made say against each other.
import { isLoopback } from '../../domain/loopback.js';
import type { Draft } from '../draft.js';
import type { Path } from '../mistakes.js';

type Say = (path: Path, message: string) => void;

/** `given`: whether the file says anything at this path, be it good or not. */
export function credentialContradictions(
  { tools }: Pick<Draft, 'tools'>,
  given: (path: Path) => boolean,
  say: Say,
): void {
  for (const tool of tools) {
    if (tool.credential.kind !== 'postgres') continue;
    const at = ['tools', tool.name];
    if (tool.plane !== undefined && tool.plane !== 'data')
      say([...at, 'plane'], 'must be data: credentials of kind postgres open a database');
    if (tool.renewable === true)
      say(
        [...at, 'renewable'],
        'must be false: a credential of kind postgres is not renewed, ask for another',
      );
    // Whoever has the password has all of it: no database asks for the proof of a key.
    if (tool.require_dpop === true)
      say([...at, 'require_dpop'], 'must be false: a credential of kind postgres cannot be bound to a key');
    actionContradictions(tool, say);
    connectionContradictions(tool, given, say);
  }
}

type ToolDraft = Draft['tools'][number];

function actionContradictions({ name, actions, credential }: ToolDraft, say: Say): void {
  const { actionNames } = credential;
  if (!actions || !actionNames) return;
  const at = ['tools', name, 'credential', 'actions'];
  for (const action of actions)
    if (!actionNames.includes(action)) say(at, `has no statements for the action ${action}`);
  for (const action of actionNames)
    if (!actions.includes(action)) say([...at, action], 'is not among the actions of the tool');
}

function connectionContradictions(
  { name, credential }: ToolDraft,
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
