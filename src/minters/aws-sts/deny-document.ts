// The documents by which a role denies sessions: how one is written and read, and which one to write beside those there.
import { userId } from './names.js';
import type { DenyState } from '../../store/deny-store.js';
import { instant } from './session-policy.js';

/** IAM: all inline policies of a role together, white space not counted. */
export const MAX_INLINE_SIZE = 10_240;
const NAME = /^mayfly-deny-(\d{1,15})$/;
const CUT_OFF = 'before ';

/** An inline policy as it is found at the role. */
export interface InlinePolicy {
  readonly name: string;
  readonly text: string;
}

/** One of ours: what it denies is a set of user ids, and `before <instant>` for a cut-off. */
export interface DenyDocument {
  readonly name: string;
  readonly fence: number;
  readonly size: number;
  readonly entries: ReadonlySet<string>;
}

export interface RoleDocuments {
  readonly ours: readonly DenyDocument[];
  /** What others have there. */
  readonly foreignSize: number;
}

/** Steps in their order. */
export interface DenyPlan {
  /** Ours as they are, without what is moot. */
  readonly shrink: readonly InlinePolicy[];
  /** Ours in which everything is moot. */
  readonly clear: readonly string[];
  readonly put?: InlinePolicy;
  /** What `put` says again. */
  readonly drop: readonly string[];
}

const documentName = (fence: number): string => `mayfly-deny-${fence}`;
export const inlineSize = (text: string): number => text.replaceAll(/\s/g, '').length;

/** What is to be denied, as entries of documents. */
export const entriesOf = (roleId: string, { denied, cutOff }: DenyState): Set<string> =>
  new Set([
    ...denied
      .filter(({ mintedBy }) => cutOff === undefined || mintedBy >= cutOff.before)
      .map(({ session }) => userId(roleId, session)),
    ...(cutOff ? [CUT_OFF + instant(cutOff.before)] : []),
  ]);

/** The sessions of the role that documents name, and the latest cut-off in milliseconds: `entriesOf` backwards. */
export function namedIn(
  roleId: string,
  documents: readonly DenyDocument[],
): { readonly sessions: readonly string[]; readonly before?: number } {
  const entries = new Set(documents.flatMap((document) => [...document.entries]));
  const prefix = userId(roleId, '');
  const sessions = [...entries].filter((entry) => entry.startsWith(prefix));
  const times = [...entries]
    .filter((entry) => entry.startsWith(CUT_OFF))
    .map((entry) => Date.parse(entry.slice(CUT_OFF.length)));
  return {
    sessions: sessions.map((entry) => entry.slice(prefix.length)),
    ...(times.length > 0 && { before: Math.max(...times) }),
  };
}

/** The fence stands in each statement, so that whoever reads the role in AWS sees who wrote it last. */
export function documentText(fence: number, entries: Iterable<string>): string {
  const all = [...entries];
  const users = all.filter((entry) => !entry.startsWith(CUT_OFF)).sort();
  const times = all.filter((entry) => entry.startsWith(CUT_OFF)).map((entry) => entry.slice(CUT_OFF.length));
  const deny = (sid: string, condition: object): object => ({
    Sid: `${sid}${fence}`,
    Effect: 'Deny',
    Action: '*',
    Resource: '*',
    Condition: condition,
  });
  const statements = [
    ...(users.length > 0 ? [deny('MayflyFence', { StringEquals: { 'aws:userid': users } })] : []),
    ...times
      .slice(0, 1)
      .map((time) => deny('MayflyCutOff', { DateLessThan: { 'aws:TokenIssueTime': time } })),
  ];
  return JSON.stringify({ Version: '2012-10-17', Statement: statements });
}

/** Splits what is at the role in ours and others'. One of ours that cannot be read denies nothing that we count on. */
export function documentsOf(policies: readonly InlinePolicy[]): RoleDocuments {
  const ours: DenyDocument[] = [];
  let foreignSize = 0;
  for (const { name, text } of policies) {
    const fence = NAME.exec(name)?.[1];
    if (fence === undefined) foreignSize += inlineSize(text);
    else ours.push({ name, fence: Number(fence), size: inlineSize(text), entries: readEntries(text) });
  }
  return { ours, foreignSize };
}

function readEntries(text: string): ReadonlySet<string> {
  const entries = new Set<string>();
  try {
    const { Statement: statements } = JSON.parse(text) as { Statement: Record<string, unknown>[] };
    for (const { Effect: effect, Action: action, Resource: resource, Condition: condition } of statements) {
      // Whatever somebody changed by hand is no Deny of everything any more.
      if (effect !== 'Deny' || action !== '*' || resource !== '*') continue;
      const { StringEquals: equals, DateLessThan: less, ...more } = condition as Record<string, object>;
      if (Object.keys(more).length > 0 || (equals && less)) continue;
      const users = equals && soleValue(equals, 'aws:userid');
      const time = less && soleValue(less, 'aws:TokenIssueTime');
      for (const user of users ?? []) entries.add(user);
      for (const before of time ?? []) entries.add(CUT_OFF + before);
    }
  } catch {
    return new Set();
  }
  return entries;
}

/** The values of the one key that is there; a second one would narrow what is denied. */
function soleValue(test: object, key: string): readonly string[] | undefined {
  const [[name, value] = [], ...others] = Object.entries(test) as [string, unknown][];
  if (name !== key || others.length > 0) return undefined;
  const values = Array.isArray(value) ? value : [value];
  return values.every((each): each is string => typeof each === 'string') ? values : undefined;
}

export const denies = (documents: readonly DenyDocument[], entries: ReadonlySet<string>): boolean =>
  [...entries].every((entry) => documents.some((document) => document.entries.has(entry)));

/**
 * Every fence has a document of its own, and policies of a role add up: so whoever slept and writes late adds to what
 * is denied and takes nothing away. Only two things go from a document: what is moot, and what a later fence has said
 * again before. That costs room for both, for as long as it takes: where there is none for all of it, as many of the
 * old ones stay as must, and only then without what is moot.
 *
 * `wanted` is what has to be denied, `named` also whom a cut-off covers that no document says yet.
 * Undefined where not even what is new has room.
 */
export function planDenial(
  fence: number,
  wanted: ReadonlySet<string>,
  named: ReadonlySet<string>,
  documents: RoleDocuments,
): DenyPlan | undefined {
  const plain = planWrite(fence, wanted, documents);
  if (plain) return { shrink: [], clear: [], ...plain };
  const shrink: InlinePolicy[] = [];
  const clear: string[] = [];
  const ours: DenyDocument[] = [];
  for (const document of documents.ours) {
    const live = new Set([...document.entries].filter((entry) => wanted.has(entry) || named.has(entry)));
    if (document.fence >= fence || live.size === document.entries.size) ours.push(document);
    else if (live.size === 0) clear.push(document.name);
    else {
      const text = documentText(document.fence, live);
      shrink.push({ name: document.name, text });
      ours.push({ ...document, entries: live, size: inlineSize(text) });
    }
  }
  const tight = planWrite(fence, wanted, { ...documents, ours });
  return tight && { shrink, clear, ...tight };
}

function planWrite(
  fence: number,
  wanted: ReadonlySet<string>,
  { ours, foreignSize }: RoleDocuments,
): Pick<DenyPlan, 'put' | 'drop'> | undefined {
  // Those first that have least to be said again: what is moot in them makes room.
  const old = ours
    .filter((document) => document.fence < fence)
    .map((document) => ({
      ...document,
      live: [...wanted].filter((each) => document.entries.has(each)).length,
    }))
    .sort((one, other) => one.live - other.live || other.size - one.size);
  const isCutOff = [...wanted].some((entry) => entry.startsWith(CUT_OFF));
  const taken = foreignSize + ours.reduce((sum, { size }) => sum + size, 0);
  const room = MAX_INLINE_SIZE - taken - (isCutOff ? 0 : ROOM_FOR_CUT_OFF);
  for (let dropped = old.length; dropped >= 0; dropped--) {
    const drop = old.slice(0, dropped).map(({ name }) => name);
    const kept = ours.filter(({ name }) => !drop.includes(name));
    const entries = [...wanted].filter((entry) => !kept.some((document) => document.entries.has(entry)));
    if (entries.length === 0) return { drop };
    const text = documentText(fence, entries);
    if (inlineSize(text) <= room) return { put: { name: documentName(fence), text }, drop };
  }
  return undefined;
}

/** Never used for names: when there is no room for them any more, there must be some for what takes their place. */
const ROOM_FOR_CUT_OFF = 250;
/** So much is for names. The rest is for documents that take others' places, and what is moot in those that stay. */
const SHARE_FOR_NAMES = 2 / 3;

/** How many sessions of a role can be denied by name at a time, in whatever order they are killed. */
export function seatsFor(roleId: string, sessionLength: number, foreignSize: number): number {
  // In quotes, with a comma.
  const entry = userId(roleId, '').length + sessionLength + 3;
  return Math.max(0, Math.floor(((MAX_INLINE_SIZE - foreignSize) * SHARE_FOR_NAMES) / entry));
}
