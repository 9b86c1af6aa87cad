// What can be made out of a tool's credential that may have mistakes: every member that is good by itself.
import type { z } from 'zod';
import { awsStsMembers } from './aws-sts-schema.js';
import { postgresMembers } from './postgres-schema.js';

type Shape = Readonly<Record<string, z.ZodType>>;
type Good<Members extends Shape> = {
  readonly [Name in keyof Members]?: Exclude<z.output<Members[Name]>, undefined>;
};

interface Named {
  /** The actions that it says anything of, be it good or not. */
  readonly actionNames?: readonly string[];
}
export type PostgresDraft = Good<typeof postgresMembers> & Named & { readonly kind: 'postgres' };
export type AwsStsDraft = Good<typeof awsStsMembers> & Named & { readonly kind: 'aws-sts' };
/** Without a kind: whatever it was meant to be. */
export type CredentialDraft = PostgresDraft | AwsStsDraft | { readonly kind?: 'jwt' };

export function credentialDraft(
  raw: unknown,
  readable: <Members extends Shape>(shape: Members, raw: unknown) => Good<Members>,
): CredentialDraft {
  const given = raw !== null && typeof raw === 'object' ? (raw as Record<string, unknown>) : {};
  const { kind, actions } = given;
  const isNamed = actions !== null && typeof actions === 'object' && !Array.isArray(actions);
  const named = isNamed ? { actionNames: Object.keys(actions) } : {};
  if (kind === 'postgres') return { ...readable(postgresMembers, given), ...named, kind };
  if (kind === 'aws-sts') return { ...readable(awsStsMembers, given), ...named, kind };
  return kind === 'jwt' ? { kind } : {};
}
