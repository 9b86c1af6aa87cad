// What is asked of AWS with one set of the broker's own credentials. The only way to the SDK, which takes a while to load.
import { IAMClient } from '@aws-sdk/client-iam';
import type { AssumeRoleCommandInput, AssumeRoleCommandOutput } from '@aws-sdk/client-sts';
import { AssumeRoleCommand, AssumeRoleWithWebIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import type { AwsStsCredential } from '../../domain/aws-sts.js';
import { SECOND_MS } from '../../domain/duration.js';
import type { Secret } from '../../domain/secret.js';
import { DenyList } from './deny-list.js';
import { RolePolicies } from './role-policies.js';
import type { RoleWriterTerms } from './role-writer.js';

/** Of one call of IAM: a write takes a handful of them, and has to be done before its claim runs out. */
const IAM_TIMEOUT_MS = 4 * SECOND_MS;

export interface AccountTerms extends Omit<RoleWriterTerms, 'policies'> {
  readonly iamTimeoutMs?: number;
}

export class AwsAccount {
  readonly denyList: DenyList;
  readonly #sts: STSClient;
  readonly #iam: IAMClient;

  /** Nothing is asked of AWS yet, nor are credentials looked for. */
  constructor(
    { region, endpoint, keys }: Pick<AwsStsCredential, 'region' | 'endpoint' | 'keys'>,
    terms: AccountTerms,
  ) {
    const client = {
      region,
      ...(endpoint !== undefined && { endpoint }),
      // Else the platform's own chain.
      ...(keys && {
        credentials: {
          accessKeyId: keys.accessKeyId,
          secretAccessKey: keys.secretAccessKey.reveal(),
          ...(keys.sessionToken && { sessionToken: keys.sessionToken.reveal() }),
        },
      }),
    };
    this.#sts = new STSClient(client);
    this.#iam = new IAMClient(client);
    this.denyList = new DenyList({
      ...terms,
      policies: new RolePolicies(this.#iam, terms.iamTimeoutMs ?? IAM_TIMEOUT_MS),
    });
  }

  /** @param assertion shown in place of our own credentials; then it says what tags and source identity say otherwise */
  assumeRole(
    { Tags, SourceIdentity, ...input }: AssumeRoleCommandInput,
    abortSignal: AbortSignal,
    assertion?: Secret,
  ): Promise<Pick<AssumeRoleCommandOutput, 'Credentials' | 'AssumedRoleUser'>> {
    const by = { abortSignal };
    if (assertion === undefined)
      return this.#sts.send(
        new AssumeRoleCommand({ ...input, ...(Tags && { Tags }), ...(SourceIdentity && { SourceIdentity }) }),
        by,
      );
    const shown = { ...input, WebIdentityToken: assertion.reveal() };
    return this.#sts.send(new AssumeRoleWithWebIdentityCommand(shown), by);
  }

  close(): void {
    this.#sts.destroy();
    this.#iam.destroy();
  }
}
