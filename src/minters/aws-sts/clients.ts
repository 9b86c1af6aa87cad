// Clients of AWS with the broker's own credentials: given ones, or whatever the platform has for us.
import { IAMClient } from '@aws-sdk/client-iam';
import { STSClient } from '@aws-sdk/client-sts';
import { MINUTE_MS } from '../../domain/duration.js';
import type { Secret } from '../../domain/secret.js';

export interface GivenKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret;
  readonly sessionToken?: Secret;
}

export interface ClientTerms {
  readonly region: string;
  /** Where it is not AWS itself. */
  readonly endpoint?: string;
  /** From the environment or a file, asked again as files are replaced. Absent: the platform's own chain. */
  readonly keys?: () => Promise<GivenKeys>;
}

export interface AwsClients {
  readonly sts: STSClient;
  readonly iam: IAMClient;
  close(): void;
}

const KEYS_AGE_MS = 5 * MINUTE_MS;

/** Nothing is asked of AWS yet, nor are credentials looked for. */
export function awsClients({ region, endpoint, keys }: ClientTerms): AwsClients {
  const terms = {
    region,
    ...(endpoint !== undefined && { endpoint }),
    ...(keys && { credentials: () => freshKeys(keys) }),
  };
  const sts = new STSClient(terms);
  const iam = new IAMClient(terms);
  return {
    sts,
    iam,
    close: () => {
      sts.destroy();
      iam.destroy();
    },
  };
}

/** With an end, which they do not have: the SDK would keep others for as long as it lives. */
async function freshKeys(keys: () => Promise<GivenKeys>): Promise<{
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
  expiration: Date;
}> {
  const { accessKeyId, secretAccessKey, sessionToken } = await keys();
  return {
    accessKeyId,
    secretAccessKey: secretAccessKey.reveal(),
    ...(sessionToken && { sessionToken: sessionToken.reveal() }),
    // The SDK asks again some minutes before.
    expiration: new Date(Date.now() + 2 * KEYS_AGE_MS),
  };
}
