// What can be made out of a file that may have mistakes: every field that is good by itself, so that one
// mistake does not hide what another field contradicts.
import type { z } from 'zod';
import { type CredentialDraft, credentialDraft } from './credential/draft.js';
import { configurationShape } from './schema.js';
import { type StoreConfiguration, redisMembers } from './store-schema.js';
import { toolShape } from './tool-schema.js';
import { type TrustDraft, trustDraft } from './trust/draft.js';

type Shape = Readonly<Record<string, z.ZodType>>;
type Readable<S extends Shape> = { readonly [Key in keyof S]?: Exclude<z.output<S[Key]>, undefined> };

/** All that a store of any kind may say: what is meant for another kind is a mistake by itself. */
export type StoreDraft = Readable<typeof redisMembers> & { readonly kind?: StoreConfiguration['kind'] };

export interface Draft extends Readable<Omit<typeof configurationShape, 'store' | 'trust' | 'tools'>> {
  readonly store: StoreDraft;
  readonly trust: readonly TrustDraft[];
  readonly tools: readonly (Readable<Omit<typeof toolShape, 'credential'>> & {
    readonly name: string;
    readonly credential: CredentialDraft;
  })[];
}

export type ToolDraft = Draft['tools'][number];

export function draftOf(raw: unknown): Draft {
  const { store, trust, tools, ...rest } = membersOf(raw);
  const { store: _store, trust: _trust, tools: _tools, ...shape } = configurationShape;
  return {
    ...readable(shape, rest),
    store: storeDraft(store),
    trust: (Array.isArray(trust) ? trust : []).map((entry) => trustDraft(entry, readable)),
    tools: Object.entries(membersOf(tools)).map(([name, tool]) => toolDraft(name, tool)),
  };
}

function toolDraft(name: string, raw: unknown): ToolDraft {
  const { credential: _credential, ...shape } = toolShape;
  const credential = credentialDraft(membersOf(raw)['credential'], readable);
  return { ...readable(shape, raw), name, credential };
}

function storeDraft(raw: unknown): StoreDraft {
  const { kind } = membersOf(raw);
  return { ...readable(redisMembers, raw), ...((kind === 'embedded' || kind === 'redis') && { kind }) };
}

function readable<S extends Shape>(shape: S, raw: unknown): Readable<S> {
  const members = membersOf(raw);
  const read: Record<string, unknown> = {};
  for (const [key, schema] of Object.entries(shape)) {
    const parsed = schema.safeParse(members[key]);
    if (parsed.success && parsed.data !== undefined) read[key] = parsed.data;
  }
  return read as Readable<S>;
}

const membersOf = (raw: unknown): Readonly<Record<string, unknown>> =>
  raw !== null && typeof raw === 'object' && !Array.isArray(raw) ? (raw as Record<string, unknown>) : {};
