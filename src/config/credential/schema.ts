// How a tool's credentials are made, as the file writes it: a union by kind.
import { z } from 'zod';
import { goWith } from '../members.js';
import { awsStsMembers } from './aws-sts-schema.js';
import { postgresMembers } from './postgres-schema.js';

const kindPurpose = 'the kind of credential: jwt, postgres or aws-sts';

type PostgresName = Exclude<keyof typeof postgresMembers, 'password' | 'actions'>;
type AwsStsName = Exclude<keyof typeof awsStsMembers, 'secret_access_key' | 'session_token' | 'actions'>;
const names = (members: object, ...but: readonly string[]): string[] =>
  Object.keys(members).filter((name) => name !== 'actions' && !but.includes(name));
const ofPostgres = () => goWith('postgres', names(postgresMembers, 'password') as PostgresName[]);
const ofAwsSts = () =>
  goWith('aws-sts', names(awsStsMembers, 'secret_access_key', 'session_token') as AwsStsName[]);

export const credentialSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('jwt').describe(kindPurpose),
    ...ofPostgres(),
    ...ofAwsSts(),
    ...goWith('postgres or aws-sts', ['actions']),
  }),
  z.strictObject({ kind: z.literal('postgres').describe(kindPurpose), ...postgresMembers, ...ofAwsSts() }),
  z.strictObject({ kind: z.literal('aws-sts').describe(kindPurpose), ...awsStsMembers, ...ofPostgres() }),
]);

export type CredentialConfiguration = z.output<typeof credentialSchema>;
