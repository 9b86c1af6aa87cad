// What can be made out of a tool's credential that may have mistakes: every member that is good by itself.
import type { z } from 'zod';
import { type CredentialConfiguration, postgresMembers } from './schema.js';

type Members = typeof postgresMembers;

/** All that a credential of any kind may say: what is meant for another kind is a mistake by itself. */
export type CredentialDraft = {
  readonly [Name in keyof Members]?: Exclude<z.output<Members[Name]>, undefined>;
} & {
  readonly kind?: CredentialConfiguration['kind'];
  /** The actions that it has statements for, be they good or not. */
  readonly actionNames?: readonly string[];
};

type Shape = Readonly<Record<string, z.ZodType>>;

export function credentialDraft(
  raw: unknown,
  readable: (shape: Shape, raw: unknown) => Readonly<Record<string, unknown>>,
): CredentialDraft {
  const given = raw !== null && typeof raw === 'object' ? (raw as Record<string, unknown>) : {};
  const { kind, actions } = given;
  if (kind === 'jwt') return { kind };
  if (kind !== 'postgres') return {};
  const named = actions !== null && typeof actions === 'object' && !Array.isArray(actions);
  const members: CredentialDraft = readable(postgresMembers, given);
  return {
    ...members,
    kind,
    ...(named && { actionNames: Object.keys(actions) }),
  };
}
