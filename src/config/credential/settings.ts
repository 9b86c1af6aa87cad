// From a credential without mistakes to what makes it.
import type { AwsStsCredential } from '../../domain/aws-sts.js';
import type { PostgresCredential } from '../../domain/postgres.js';
import { Secret } from '../../domain/secret.js';
import type { SessionTemplate } from '../../domain/session-template.js';
import type { ToolCredential } from '../../domain/tool.js';
import type { CredentialFiles } from './files.js';
import type { CredentialConfiguration } from './schema.js';

type Of<Kind> = Extract<CredentialConfiguration, { kind: Kind }>;

/** Whoever looks at the catalogue alone reads no files: there, secrets are empty. */
export function credentialSettings(
  credential: CredentialConfiguration,
  files: CredentialFiles = {},
): ToolCredential {
  if (credential.kind === 'jwt') return { kind: 'jwt' };
  return credential.kind === 'postgres' ? postgres(credential, files) : awsSts(credential, files);
}

function postgres(
  credential: Of<'postgres'>,
  { password = new Secret(''), ca }: CredentialFiles,
): PostgresCredential {
  const { tls, owns, databases } = credential;
  const serverName = typeof tls === 'object' ? tls.server_name : undefined;
  return {
    kind: 'postgres',
    host: credential.host,
    port: credential.port,
    database: credential.database,
    user: credential.user,
    password,
    ...(tls !== false && {
      tls: { ...(ca !== undefined && { ca }), ...(serverName !== undefined && { serverName }) },
    }),
    connectionLimit: credential.connection_limit,
    grants: Object.fromEntries(
      Object.entries(credential.actions).map(([action, { grant }]) => [action, grant]),
    ),
    ...(typeof owns === 'object' && { reassignTo: owns.reassign_to }),
    ...(databases && { databases }),
  };
}

/** What identity providers in IAM have for clients of STS, unless somebody says otherwise. */
const STS_AUDIENCE = 'sts.amazonaws.com';

function awsSts(
  credential: Of<'aws-sts'>,
  { secretAccessKey = new Secret(''), sessionToken }: CredentialFiles,
): AwsStsCredential {
  const { endpoint, access_key_id: accessKeyId } = credential;
  return {
    kind: 'aws-sts',
    region: credential.region,
    ...(endpoint !== undefined && { endpoint }),
    ...(accessKeyId !== undefined && {
      keys: { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) },
    }),
    ...(credential.web_identity && {
      webIdentity: { audience: credential.web_identity_audience ?? STS_AUDIENCE },
    }),
    roles: credential.roles,
    sessionsPerRole: credential.sessions_per_role,
    template: sessionTemplate(credential.actions, credential.dangerously_allow_token_vending),
    supports: { sourceIdentity: credential.source_identity, tags: credential.session_tags },
    inForceAfterMs: credential.in_force_after,
  };
}

export const sessionTemplate = (
  actions: Of<'aws-sts'>['actions'],
  dangerouslyAllowTokenVending: boolean,
): SessionTemplate => ({
  actions: Object.fromEntries(
    Object.entries(actions).map(([action, statements]) => [
      action,
      statements.map(({ like, ...rest }) => ({ ...rest, ...(like && { like }) })),
    ]),
  ),
  ...(dangerouslyAllowTokenVending && { dangerouslyAllowTokenVending }),
});
