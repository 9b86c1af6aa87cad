// From a credential without mistakes to what makes it.
import { Secret } from '../../domain/secret.js';
import type { ToolCredential } from '../../domain/tool.js';
import type { CredentialFiles } from './files.js';
import type { CredentialConfiguration } from './schema.js';

/** Whoever looks at the catalogue alone reads no files: there the password is empty. */
export function credentialSettings(
  credential: CredentialConfiguration,
  { password = new Secret(''), ca }: CredentialFiles = {},
): ToolCredential {
  if (credential.kind === 'jwt') return { kind: 'jwt' };
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
