// The documents by which a role denies sessions: how one is written and read, and which one to write beside those there.
import { userId } from './names.js';
import type { DenyState } from './deny-store.js';
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

/** What to put, and what is then said twice and can go. */
export interface DenyPlan {
  readonly put?: InlinePolicy;
  readonly drop: readonly string[];
}

export const documentName = (fence: number): string => `mayfly-deny-${fence}`;
export const inlineSize = (text: string): number => text.replaceAll(/\s/g, '').length;

/** What is to be denied, as entries of documents. */
export const entriesOf = (roleId: string, { denied, cutOff }: DenyState): Set<string> =>
  new Set([
    ...denied
      .filter(({ mintedBy }) => cutOff === undefined || mintedBy >= cutOff.before)
      .map(({ session }) => userId(roleId, session)),
    ...(cutOff ? [CUT_OFF + instant(cutOff.before)] : []),
  ]);

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
 * is denied and takes nothing away, and what is dropped was said again first, by a later fence, in whole. That costs
 * room for both, for as long as it takes: where there is none for all of it, as many of the old ones stay as must.
 *
 * Undefined where not even what is new has room.
 */
export function planDenial(
  fence: number,
  wanted: ReadonlySet<string>,
  { ours, foreignSize }: RoleDocuments,
): DenyPlan | undefined {
  const old = ours.filter((document) => document.fence < fence).sort((a, b) => a.size - b.size);
  const room = MAX_INLINE_SIZE - foreignSize - ours.reduce((sum, { size }) => sum + size, 0);
  for (let dropped = old.length; dropped >= 0; dropped--) {
    const kept = ours.filter((document) => !old.slice(0, dropped).includes(document));
    const entries = [...wanted].filter((entry) => !kept.some((document) => document.entries.has(entry)));
    const drop = old.slice(0, dropped).map(({ name }) => name);
    if (entries.length === 0) return { drop };
    const text = documentText(fence, entries);
    if (inlineSize(text) <= room) return { put: { name: documentName(fence), text }, drop };
  }
  return undefined;
}

/** How many sessions a role can deny by name, one half of the room being for a document that takes another's place. */
export function seatsFor(roleId: string, sessionLength: number, foreignSize: number): number {
  const entry = roleId.length + 1 + sessionLength + 3;
  const frame = inlineSize(documentText(Number.MAX_SAFE_INTEGER, ['']));
  return Math.max(0, Math.floor(((MAX_INLINE_SIZE - foreignSize) / 2 - frame) / entry));
}
