// Who the broker is to STS, for AssumeRoleWithWebIdentity: a token of an issuer of its own, by keys that sign nothing else.
import type { AwsStsCredential, WebIdentityTerms } from '../../domain/aws-sts.js';
import { awsIssuer } from '../../domain/aws-sts.js';
import type { Clock } from '../../domain/clock.js';
import { MINUTE_MS, SECOND_MS } from '../../domain/duration.js';
import { rootOf } from '../../domain/ids.js';
import type { Lease } from '../../domain/lease.js';
import { Secret } from '../../domain/secret.js';
import { composeCompact } from '../../jws/compact.js';
import { signSync } from '../../jws/signature.js';
import type { KeyRing } from '../../keys/key-ring.js';
import { sessionName, sessionTags } from './names.js';

/** STS asks for the keys while it looks at the token, and nobody needs it for longer. */
const LIFE_MS = 2 * MINUTE_MS;

export interface WebIdentityOptions {
  /** The broker's. */
  readonly issuer: string;
  /** Of the use `aws`. Whoever has one of them can be any session of the roles that trust it. */
  readonly keys: Pick<KeyRing, 'current'>;
  readonly clock: Clock;
}

export class WebIdentity {
  readonly #options: WebIdentityOptions;

  constructor(options: WebIdentityOptions) {
    this.#options = options;
  }

  /** For one session, which it names. What STS is told of tags and source identity stands in it, and nowhere else. */
  assertion(
    lease: Pick<Lease, 'id' | 'taskId' | 'agent' | 'tool'>,
    { audience }: WebIdentityTerms,
    { sourceIdentity, tags }: AwsStsCredential['supports'],
  ): Secret {
    const { issuer, keys, clock } = this.#options;
    const { algorithm, kid, privateKey } = keys.current();
    const now = clock.now();
    const claims = {
      iss: awsIssuer(issuer),
      aud: audience,
      sub: subject(lease),
      jti: lease.id,
      iat: seconds(now),
      exp: seconds(now + LIFE_MS),
      ...(tags && { 'https://aws.amazon.com/tags': tagClaim(lease) }),
      ...(sourceIdentity && { 'https://aws.amazon.com/source_identity': sessionName(lease.id) }),
    };
    // The type that STS is known to take. What tells it from all else that we sign is its issuer, and its keys.
    return new Secret(
      composeCompact({ alg: algorithm, typ: 'JWT', kid }, claims, (input) =>
        signSync(algorithm, privateKey, input),
      ),
    );
  }
}

/** What trust policies compare: names that the operator and the orchestrator chose, and 140 characters at the most. */
const subject = ({ tool, taskId }: Pick<Lease, 'tool' | 'taskId'>): string =>
  `tool:${tool}:task:${rootOf(taskId)}`;

const seconds = (ms: number): number => Math.floor(ms / SECOND_MS);

const tagClaim = (lease: Parameters<typeof sessionTags>[0]): object => ({
  principal_tags: Object.fromEntries(sessionTags(lease).map(({ Key, Value }) => [Key, [Value]])),
  transitive_tag_keys: [],
});
