// The variables by which SDKs of AWS and its command line find a credential: where a command is given one of that kind.
import type { Secret } from '../../domain/secret.js';
import type { TokenResponse } from '../../sdk/client/index.js';

const AWS_TOKEN_TYPE = 'urn:mayfly:token-type:aws';

/** What `access_token` is the JSON of. */
interface AwsCredential {
  readonly access_key_id: string;
  readonly secret_access_key: string;
  readonly session_token: string;
  readonly region: string;
}

/** None for a credential of another kind. */
export function awsVariables(
  type: TokenResponse['issued_token_type'],
  credential: Secret,
): Readonly<Record<string, string>> {
  if (type !== AWS_TOKEN_TYPE) return {};
  const { region, ...keys } = JSON.parse(credential.reveal()) as AwsCredential;
  return {
    AWS_ACCESS_KEY_ID: keys.access_key_id,
    AWS_SECRET_ACCESS_KEY: keys.secret_access_key,
    AWS_SESSION_TOKEN: keys.session_token,
    // Some read the one, some the other.
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
  };
}
