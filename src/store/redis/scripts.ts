// The Lua scripts, one per transition: what each is made of, and what it may do.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { keysLua } from './keys.js';

type Part =
  'clock' | 'audit' | 'tasks' | 'standing' | 'leases' | 'listing' | 'kills' | 'wide' | 'context' | 'denials';

/**
 * `kill`: runs although the memory of Redis is full, because nothing may hold back a kill, nor what frees memory.
 * `read`: writes nothing. `write`: refused as a whole when the memory is full, before it has begun.
 */
type Permission = 'read' | 'write' | 'kill';

const LEASE: readonly Part[] = ['clock', 'audit', 'tasks', 'standing', 'leases'];

const SCRIPTS = {
  'open-slot': ['kill', []],
  look: ['read', ['clock']],
  touch: ['write', ['clock']],
  affirm: ['kill', ['clock']],
  'tell-peers': ['kill', ['clock']],
  'read-hash': ['read', ['clock']],
  'read-field': ['read', ['clock']],

  'open-task': ['write', ['clock', 'audit', 'tasks']],
  'count-open-tasks': ['read', ['clock', 'tasks']],
  'extend-task': ['write', ['clock', 'audit', 'tasks']],
  'close-task': ['kill', ['clock', 'audit', 'tasks', 'kills']],
  'read-task': ['read', ['clock']],
  'list-tasks': ['read', ['clock']],
  'list-tree': ['read', ['clock']],

  'issue-lease': ['write', ['clock', 'audit', 'tasks', 'leases', 'listing', 'context']],
  'activate-lease': ['write', LEASE],
  'abandon-lease': ['kill', LEASE],
  'renew-lease': ['write', [...LEASE, 'context']],
  'end-lease': ['kill', [...LEASE, 'kills']],
  'read-lease': ['read', ['clock', 'tasks', 'standing']],
  'list-leases': ['read', ['clock', 'tasks', 'standing']],
  'count-live': ['read', ['clock', 'tasks', 'standing']],

  'status-list': ['read', ['clock', 'tasks', 'standing']],

  // It only narrows: nothing may hold it back either.
  'signal-task': ['kill', ['clock', 'audit', 'tasks', 'context']],
  'due-reviews': ['read', ['clock', 'context']],
  'conclude-review': ['kill', ['clock', 'context']],

  'intend-kill': ['kill', ['clock']],
  'raise-fence': ['kill', ['clock']],
  'fix-cutoff': ['kill', ['clock']],
  'apply-kill': ['kill', ['clock', 'kills', 'wide']],
  'restore-kills': ['kill', [...LEASE, 'kills', 'wide']],
  'conclude-kill': ['kill', ['clock', 'audit', 'kills']],
  'lift-quarantine': ['kill', ['clock', 'audit', 'kills']],

  due: ['read', ['clock']],
  'expire-tasks': ['kill', ['clock', 'audit', 'tasks', 'kills']],
  'lapse-leases': ['kill', LEASE],
  'walk-kills': ['kill', LEASE],
  'claim-due': ['kill', LEASE],
  'settle-lease': ['kill', LEASE],
  'retry-lease': ['kill', LEASE],
  'force-lease': ['write', LEASE],
  'count-irrevocable': ['read', ['clock']],
  purge: ['kill', [...LEASE, 'denials']],

  'take-seat': ['write', ['clock', 'denials']],
  'read-seat': ['read', ['clock', 'denials']],
  'leave-seat': ['kill', ['clock', 'denials']],
  'add-denials': ['kill', ['clock', 'denials']],
  'claim-role': ['kill', ['clock', 'denials']],
  'read-denials': ['read', ['clock', 'denials']],
  'raise-cut-off': ['kill', ['clock', 'denials']],
  'release-role': ['kill', ['clock', 'denials']],

  'read-events': ['read', ['clock']],
  'record-event': ['write', ['clock', 'audit', 'context']],
  'record-batch': ['write', ['clock', 'audit']],
  // Who brings a kill may have to be found out by a one-time token or a proof.
  once: ['kill', ['clock']],
  'add-signing-key': ['write', ['clock', 'audit', 'kills']],
  'remove-signing-key': ['kill', ['clock', 'kills']],
} as const satisfies Record<string, readonly [Permission, readonly Part[]]>;

export type ScriptName = keyof typeof SCRIPTS;

export interface Script {
  readonly name: ScriptName;
  readonly lua: string;
  readonly sha1: string;
}

/** Read by Redis itself: it refuses a script before the first line of it has run, never in the middle. */
const FLAGS: Readonly<Record<Permission, string>> = {
  read: '#!lua flags=no-writes\n',
  write: '#!lua\n',
  kill: '#!lua flags=allow-oom\n',
};

const read = (path: string): string => readFileSync(new URL(`./lua/${path}.lua`, import.meta.url), 'utf8');

function assemble(name: ScriptName): Script {
  const [permission, parts] = SCRIPTS[name];
  const lua = [FLAGS[permission] + keysLua, ...parts.map((part) => read(`parts/${part}`)), read(name)].join(
    '\n',
  );
  return {
    name,
    lua,
    sha1: createHash('sha1').update(lua).digest('hex'),
  };
}

const scripts = new Map(
  (Object.keys(SCRIPTS) as ScriptName[]).map((name) => [name, assemble(name)] as const),
);

export const scriptNamed = (name: ScriptName): Script => scripts.get(name)!;
