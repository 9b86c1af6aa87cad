// Mints sessions of AWS roles by AssumeRole, as narrow as the grant, and kills them by what their role denies.
import type { AssumeRoleCommandInput, AssumeRoleCommandOutput, STSClient } from '@aws-sdk/client-sts';
import { AssumeRoleCommand } from '@aws-sdk/client-sts';
import type { Clock } from '../../domain/clock.js';
import { SECOND_MS } from '../../domain/duration.js';
import type { Grant } from '../../domain/grant.js';
import type { Lease, ReservedLease } from '../../domain/lease.js';
import { Refusal } from '../../domain/refusal.js';
import { Secret } from '../../domain/secret.js';
import type { ExternalMinter, Minted } from '../minter.js';
import { AwsFault, faultOf } from './aws-fault.js';
import type { DenyList, Kill } from './deny-list.js';
import type { DenyStore } from '../../store/deny-store.js';
import { sessionName, sessionTags } from './names.js';
import { CLOCK_SKEW_MS } from './role-writer.js';
import { instant, sessionPolicy } from './session-policy.js';
import type { SessionTemplate } from '../../domain/session-template.js';

const AWS_TOKEN_TYPE = 'urn:mayfly:token-type:aws';
/** STS gives no session less, nor more. Ours end earlier by their own policy. */
const LEAST_SECONDS = 900;
const MOST_SECONDS = 43_200;
const MINT_DEADLINE_MS = 30 * SECOND_MS;
const CALL_TIMEOUT_MS = 20 * SECOND_MS;

export interface AwsTool {
  readonly template: SessionTemplate;
  /** ARNs, of one account. Several share the sessions, as one role can deny only so many by name. */
  readonly roles: readonly string[];
  /** Given with the credential. */
  readonly region: string;
  /** Live sessions at a time on each role: not more than `seatsFor`. */
  readonly sessionsPerRole: number;
}

export interface AwsStsTerms {
  readonly sts: Pick<STSClient, 'send'>;
  readonly denyList: DenyList;
  readonly store: DenyStore;
  readonly clock: Clock;
  readonly toolOf: (name: string) => AwsTool | undefined;
  /** What the target knows beside the session's name. Both need a right of their own in the role's trust policy. */
  readonly supports: { readonly sourceIdentity: boolean; readonly tags: boolean };
}

/** The credential, as JSON: what AWS SDKs ask for, in our case of letters. */
export interface AwsCredential {
  readonly access_key_id: string;
  readonly secret_access_key: string;
  readonly session_token: string;
  /** When it ends, not when STS says so: an SDK that went by that would keep dead keys. */
  readonly expiration: string;
  readonly region: string;
}

export class AwsStsMinter implements ExternalMinter {
  readonly kind = 'aws-sts';
  readonly external = true;
  readonly class = 'eventual';
  readonly needsSecretToRevoke = false;
  /** STS tells nobody which sessions there are. */
  readonly listable = false;
  readonly mintDeadlineMs = MINT_DEADLINE_MS;
  readonly #terms: AwsStsTerms;

  constructor(terms: AwsStsTerms) {
    this.#terms = terms;
  }

  /** Why this grant could not be minted, known before anything is on record. */
  objection(grant: Grant, lease: Pick<Lease, 'taskId' | 'expiresAt'>): Refusal | undefined {
    const policy = sessionPolicy(this.#tool(grant.tool.name).template, grant, lease);
    return policy instanceof Refusal ? policy : undefined;
  }

  /** @throws AwsFault by its code; of an unknown outcome, `revoke` kills what may come to be */
  async mint(lease: ReservedLease, grant: Grant): Promise<Minted> {
    if (lease.tool !== grant.tool.name) throw new Error(`a grant of another tool than that of ${lease.id}`);
    const tool = this.#tool(lease.tool);
    const policy = sessionPolicy(tool.template, grant, lease);
    if (policy instanceof Refusal)
      throw new AwsFault('ERR_AWS_GRANT', `no policy for ${lease.id}: ${policy.detail}`);
    const session = sessionName(lease.id);
    const roles = new Map(tool.roles.map((arn) => [roleName(arn), arn]));
    const seat = { session, until: lease.expiresAt + CLOCK_SKEW_MS };
    const role = await this.#terms.store.seat(seat, [...roles.keys()], tool.sessionsPerRole);
    if (role === undefined)
      throw new AwsFault(
        'ERR_AWS_ROLES_FULL',
        `each role of ${lease.tool} has ${tool.sessionsPerRole} sessions`,
      );

    const now = this.#terms.clock.now();
    // Whoever slept that long: others have given it up, and count on it not to come to be any more.
    if (now + CALL_TIMEOUT_MS > lease.issuedAt + MINT_DEADLINE_MS || now >= lease.expiresAt)
      throw new AwsFault('ERR_AWS_GRANT', `the time to mint ${lease.id} is over`);
    const output = await this.#assume(session, {
      RoleArn: roles.get(role)!,
      RoleSessionName: session,
      DurationSeconds: durationSeconds(lease.expiresAt - now),
      Policy: policy,
      ...(this.#terms.supports.sourceIdentity && { SourceIdentity: session }),
      ...(this.#terms.supports.tags && { Tags: sessionTags(lease) }),
    });
    return {
      secret: new Secret(JSON.stringify(checked(output, session, lease, tool.region))),
      issuedTokenType: AWS_TOKEN_TYPE,
      tokenType: 'N_A',
    };
  }

  /** Resolves when it is confirmed dead; `kill` tells of the time before. */
  async revoke(lease: Lease): Promise<void> {
    const kill = await this.kill(lease);
    await kill?.confirmed();
  }

  /** Undefined: STS was never asked for it. */
  async kill(lease: Pick<Lease, 'id' | 'issuedAt' | 'expiresAt'>): Promise<Kill | undefined> {
    const session = sessionName(lease.id);
    const role = await this.#terms.store.seatOf(session);
    if (role === undefined) return undefined;
    return this.#terms.denyList.kill(role, {
      session,
      mintedBy: lease.issuedAt + MINT_DEADLINE_MS,
      until: lease.expiresAt + CLOCK_SKEW_MS,
    });
  }

  #tool(name: string): AwsTool {
    const tool = this.#terms.toolOf(name);
    if (!tool) throw new Error(`${name} is no tool with credentials of AWS`);
    return tool;
  }

  async #assume(session: string, input: AssumeRoleCommandInput): Promise<AssumeRoleCommandOutput> {
    try {
      const abortSignal = AbortSignal.timeout(CALL_TIMEOUT_MS);
      return await this.#terms.sts.send(new AssumeRoleCommand(input), { abortSignal });
    } catch (error) {
      const fault = faultOf('AssumeRole', error);
      // Else a role that refuses everything would fill up with sessions that are not there.
      if (fault.isFinal) await this.#terms.store.unseat(session);
      throw fault;
    }
  }
}

/** `arn:aws:iam::123456789012:role/path/name`: IAM goes by the last part. */
const roleName = (arn: string): string => arn.slice(arn.lastIndexOf('/') + 1);

const durationSeconds = (ms: number): number =>
  Math.min(MOST_SECONDS, Math.max(LEAST_SECONDS, Math.ceil(ms / SECOND_MS)));

/** What came is what was asked for: the session's own name, keys that are there, and no earlier end than the lease's. */
function checked(
  { Credentials: credentials, AssumedRoleUser: user }: AssumeRoleCommandOutput,
  session: string,
  { id, expiresAt }: Lease,
  region: string,
): AwsCredential {
  const {
    AccessKeyId: key,
    SecretAccessKey: secret,
    SessionToken: token,
    Expiration: end,
  } = credentials ?? {};
  const endsAt = end?.getTime() ?? NaN;
  const wrong =
    (!key && 'its key') ||
    (!secret && 'its secret') ||
    (!token && 'its token') ||
    (!(endsAt + CLOCK_SKEW_MS >= expiresAt) && 'its end') ||
    (!user?.Arn?.endsWith(`/${session}`) && 'its session');
  if (wrong) throw new AwsFault('ERR_AWS_ANSWER', `AssumeRole for ${id}: ${wrong} is not what was asked for`);
  return {
    access_key_id: key!,
    secret_access_key: secret!,
    session_token: token!,
    expiration: instant(expiresAt),
    region,
  };
}
