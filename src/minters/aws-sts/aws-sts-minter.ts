// Mints sessions of AWS roles by AssumeRole, as narrow as the grant, and kills them by what their role denies.
import type { AssumeRoleCommandInput, AssumeRoleCommandOutput } from '@aws-sdk/client-sts';
import type { AwsStsCredential } from '../../domain/aws-sts.js';
import type { Clock } from '../../domain/clock.js';
import { SECOND_MS } from '../../domain/duration.js';
import type { Grant } from '../../domain/grant.js';
import type { TaskId } from '../../domain/ids.js';
import type { Lease, LeaseEnding, ReservedLease } from '../../domain/lease.js';
import { Refusal } from '../../domain/refusal.js';
import { Secret } from '../../domain/secret.js';
import type { Catalogue } from '../../domain/tool.js';
import type { DenyStore } from '../../store/deny-store.js';
import type { Accepted, ExternalMinter, Killable, Minted, Tidied } from '../minter.js';
import type { Accounts } from './accounts.js';
import { AwsFault, faultOf } from './aws-fault.js';
import { roleArn, roleKey, sessionName, sessionTags } from './names.js';
import { CLOCK_SKEW_MS } from './role-writer.js';
import { instant, sessionPolicy } from './session-policy.js';
import type { WebIdentity } from './web-identity.js';

const AWS_TOKEN_TYPE = 'urn:mayfly:token-type:aws';
/** STS gives no session less, nor more. Ours end earlier by their own policy. */
const LEAST_SECONDS = 900;
const MOST_SECONDS = 43_200;
const MINT_DEADLINE_MS = 30 * SECOND_MS;
const CALL_TIMEOUT_MS = 20 * SECOND_MS;

/** Nobody got it. */
const MINT_CAUSES: ReadonlySet<string> = new Set<LeaseEnding['cause']>(['mint_failed', 'mint_unknown']);

export interface AwsStsMinterOptions {
  readonly accounts: Accounts;
  readonly store: DenyStore;
  readonly clock: Clock;
  /** Needed where a tool asks for it. */
  readonly webIdentity?: Pick<WebIdentity, 'assertion'>;
  readonly log: { warn(facts: object, message: string): void };
  /** For STS to answer; less than the mint has. */
  readonly callTimeoutMs?: number;
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
  readonly survives = ['caller_identity', 'begun_work', 'service_tokens', 'written_data'] as const;
  readonly needsSecretToRevoke = false;
  /** STS tells nobody which sessions there are. */
  readonly listable = false;
  readonly mintDeadlineMs = MINT_DEADLINE_MS;
  readonly #options: AwsStsMinterOptions;
  readonly #callTimeoutMs: number;

  constructor(options: AwsStsMinterOptions) {
    this.#options = options;
    this.#callTimeoutMs = options.callTimeoutMs ?? CALL_TIMEOUT_MS;
  }

  /** The catalogue in force from now on. Roles of earlier ones are still written to, until the broker ends. */
  apply(catalogue: Catalogue): void {
    this.#options.accounts.apply(catalogue);
  }

  refuses(grant: Grant, taskId: TaskId): Refusal | undefined {
    // Every instant has the same length in it.
    const policy = sessionPolicy(credentialOf(grant).template, grant, { taskId, expiresAt: 0 });
    return policy instanceof Refusal ? policy : undefined;
  }

  /** @throws AwsFault by its code; of an unknown outcome, `revoke` kills what may come to be */
  async mint(lease: ReservedLease, grant: Grant): Promise<Minted> {
    if (lease.tool !== grant.tool.name) throw new Error(`a grant of another tool than that of ${lease.id}`);
    const credential = credentialOf(grant);
    const policy = sessionPolicy(credential.template, grant, lease);
    if (policy instanceof Refusal)
      throw new AwsFault('ERR_AWS_GRANT', `no policy for ${lease.id}: ${policy.detail}`);
    const session = sessionName(lease.id);
    const role = await this.#seated(session, lease, credential);

    const now = this.#options.clock.now();
    // Whoever slept that long: others have given it up, and count on it not to come to be any more.
    if (now + this.#callTimeoutMs > lease.issuedAt + MINT_DEADLINE_MS || now >= lease.expiresAt)
      throw new AwsFault('ERR_AWS_GRANT', `the time to mint ${lease.id} is over`);
    const { supports, region } = credential;
    const output = await this.#assume(lease, credential, {
      RoleArn: roleArn(role),
      RoleSessionName: session,
      DurationSeconds: durationSeconds(lease.expiresAt - now),
      Policy: policy,
      ...(supports.sourceIdentity && { SourceIdentity: session }),
      ...(supports.tags && { Tags: sessionTags(lease) }),
    });
    return {
      secret: new Secret(JSON.stringify(checked(output, session, lease, region))),
      issuedTokenType: AWS_TOKEN_TYPE,
      tokenType: 'N_A',
    };
  }

  /**
   * Accepted once IAM has the Deny; confirmed when it is there still after the time that it takes to be in force.
   *
   * @throws AwsFault by its code; Error where the role is that of no tool any more
   */
  async revoke(lease: Killable): Promise<Accepted | void> {
    const session = sessionName(lease.id);
    const seat = await this.#options.store.seatOf(session);
    if (seat !== undefined) return this.#revokeOn(seat, session, lease);
    // STS was never asked for it.
    if (lease.ended && MINT_CAUSES.has(lease.ended.cause)) return;
    // Or the store has lost where it is: a name that a role has no session of does no harm there.
    const roles = this.#options.accounts.rolesOf(lease.tool);
    if (roles.length === 0)
      throw new Error(`where ${lease.id} was made is not known, and ${lease.tool} has no roles any more`);
    const kills = await Promise.all(roles.map((role) => this.#revokeOn(role, session, lease)));
    return kills.find((kill) => kill !== undefined);
  }

  async #revokeOn(role: string, session: string, lease: Killable): Promise<Accepted | void> {
    const place = await this.#options.accounts.ofRole(role);
    if (!place) throw new Error(`${lease.id} is a session of ${role}, which no tool has any more`);
    const until = lease.expiresAt + CLOCK_SKEW_MS;
    const { wasThere } = await place.account.denyList.kill(role, {
      session,
      mintedBy: lease.issuedAt + MINT_DEADLINE_MS,
      until,
    });
    if (this.#options.clock.now() >= until || place.inForceAfterMs === 0) return;
    if (wasThere && lease.acceptedAt !== undefined) return;
    if (lease.acceptedAt !== undefined)
      this.#options.log.warn({ lease: lease.id, role }, 'somebody removes the policies that deny sessions');
    return { againMs: place.inForceAfterMs };
  }

  /** Takes what is moot out of the policies of the tool's roles, and puts back what somebody took out. */
  async tidy(tool: string): Promise<Tidied> {
    const { accounts } = this.#options;
    const tidied = await Promise.allSettled(
      accounts.rolesOf(tool).map(async (role) => {
        const place = await accounts.ofRole(role);
        return place?.account.denyList.tidy(role);
      }),
    );
    return {
      undone: tidied.reduce((sum, one) => sum + ((one.status === 'fulfilled' && one.value) || 0), 0),
      failures: tidied.filter((one) => one.status === 'rejected').map(({ reason }) => reason as unknown),
    };
  }

  async close(): Promise<void> {
    await this.#options.accounts.close();
  }

  async #seated(session: string, { expiresAt, tool }: Lease, credential: AwsStsCredential): Promise<string> {
    const { roles, sessionsPerRole } = credential;
    const seat = { session, until: expiresAt + CLOCK_SKEW_MS };
    const keys = roles.map((arn) => roleKey(credential, arn));
    const role = await this.#options.store.seat(seat, keys, sessionsPerRole);
    if (role === undefined)
      throw new AwsFault('ERR_AWS_ROLES_FULL', `each role of ${tool} has ${sessionsPerRole} sessions`);
    return role;
  }

  async #assume(
    lease: ReservedLease,
    credential: AwsStsCredential,
    input: AssumeRoleCommandInput,
  ): Promise<Assumed> {
    const account = await this.#options.accounts.of(credential);
    try {
      const assertion = this.#assertion(lease, credential);
      return await account.assumeRole(input, AbortSignal.timeout(this.#callTimeoutMs), assertion);
    } catch (error) {
      const fault = faultOf('AssumeRole', error);
      // Else a role that refuses everything would fill up with sessions that are not there.
      if (fault.isFinal) await this.#options.store.unseat(sessionName(lease.id));
      throw fault;
    }
  }

  #assertion(lease: ReservedLease, { webIdentity, supports }: AwsStsCredential): Secret | undefined {
    if (!webIdentity) return undefined;
    const { webIdentity: ours } = this.#options;
    // By no means with our own keys instead: the operator did not mean them to be used.
    if (!ours) throw new AwsFault('ERR_AWS_GRANT', `nobody says who the broker is to STS, for ${lease.id}`);
    return ours.assertion(lease, webIdentity, supports);
  }
}

function credentialOf({ tool: { name, credential } }: Grant): AwsStsCredential {
  if (credential.kind !== 'aws-sts') throw new Error(`${name} is no tool with credentials of AWS`);
  return credential;
}

const durationSeconds = (ms: number): number =>
  Math.min(MOST_SECONDS, Math.max(LEAST_SECONDS, Math.ceil(ms / SECOND_MS)));

type Assumed = Pick<AssumeRoleCommandOutput, 'Credentials' | 'AssumedRoleUser'>;

/** What came is what was asked for: the session's own name, keys that are there, and no earlier end than the lease's. */
function checked(
  { Credentials: credentials, AssumedRoleUser: user }: Assumed,
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
