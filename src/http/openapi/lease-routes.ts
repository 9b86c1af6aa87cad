// The contract of the routes of leases.
import { awsCredentialsQuery } from '../../wire/aws.js';
import { leaseId, listLeasesQuery } from '../../wire/leases.js';
import type { LeaseView } from '../../wire/leases.js';
import type { RouteName } from '../access.js';
import * as example from './examples.js';
import type { DocumentedRoute } from './route.js';

const lease = { id: { description: 'The lease.', schema: leaseId } };

/** A task that is not there and one that is not the caller's look alike. */
const ISSUANCE = [
  'task_unknown',
  'target_unknown',
  'policy_denied',
  'approval_required',
  'task_closed',
  'action_not_granted',
  'too_many_leases',
] as const;

const taken = { at: '2026-11-22T06:11:57.875Z', cause: 'task', name: example.liveLease.task_id } as const;
const revokingLease: LeaseView = {
  ...example.liveLease,
  kind: 'postgres',
  revocation: 'immediate',
  state: 'revoking',
  ended: taken,
};
const word = 'dropped the role by hand';
const forcedLease: LeaseView = {
  ...revokingLease,
  state: 'revoked',
  ended: {
    ...taken,
    forced: {
      at: '2026-11-22T09:40:02.300Z',
      by: 'cluster/operator',
      reason: word,
      request_id: example.REQUEST_ID,
    },
  },
};

export const LEASE_ROUTES = {
  awsCredentials: {
    tag: 'Credentials',
    summary: 'Exchange a workload token for credentials of AWS, as SDKs ask for them',
    description:
      'What `AWS_CONTAINER_CREDENTIALS_FULL_URI` takes. All actions and resources that the task has of a tool of kind `aws-sts`, as at the token endpoint. Whoever asks again is given the same credential while it is fresh. The workload token may stand in `Authorization` without `Bearer`, as SDKs send it.',
    query: awsCredentialsQuery,
    answers: {
      200: {
        description: 'The credential.',
        schema: 'AwsCredentials',
        example: {
          AccessKeyId: 'ASIA…',
          SecretAccessKey: '…',
          Token: '…',
          Expiration: '2026-11-22T06:21:32Z',
        },
      },
    },
    refusals: [...ISSUANCE, 'token_kind_unsupported', 'target_unavailable'],
  },
  listLeases: {
    tag: 'Credentials',
    summary: 'List leases, newest first',
    description: 'The records of credentials, never the credentials. An agent gets its own.',
    query: listLeasesQuery,
    answers: {
      200: { description: 'A page.', schema: 'LeaseList', example: { leases: [example.liveLease] } },
    },
  },
  readLease: {
    tag: 'Credentials',
    summary: 'Read a lease',
    path: lease,
    answers: { 200: { description: 'The lease.', schema: 'Lease', example: example.liveLease } },
    refusals: ['lease_unknown'],
  },
  releaseLease: {
    tag: 'Credentials',
    summary: 'Give back a credential by its lease',
    description:
      'An agent ends its own, an operator any. Of a lease that ended before, its end is given again. No limit holds it back.',
    path: lease,
    answers: { 200: { description: 'It is dead.', schema: 'Lease', example: example.releasedLease } },
    refusals: ['lease_unknown'],
  },
  renewLease: {
    tag: 'Credentials',
    summary: 'Renew a credential under its lease',
    description:
      'For tools that are `renewable`. Decided as freshly as the first time; never more actions or resources. The body may be left out.',
    path: lease,
    takesProof: true,
    body: { schema: 'Renewal', example: { requested_expiry: 200 }, optional: true },
    answers: {
      200: {
        description: 'A new credential.',
        schema: 'TokenResponse',
        example: example.credential,
      },
    },
    refusals: ['lease_unknown', 'not_renewable', 'lease_ended', ...ISSUANCE],
  },
  retryLease: {
    tag: 'Operating',
    summary: 'Try again to kill a credential that could not be revoked',
    description:
      'Of an `irrevocable` lease. It is due at once, with as many attempts as at first, and ends `revoked` once its target confirms that. No limit holds it back.',
    path: lease,
    answers: { 202: { description: 'It is being tried.', schema: 'Lease', example: revokingLease } },
    refusals: ['lease_unknown', 'lease_not_irrevocable'],
  },
  forceLease: {
    tag: 'Operating',
    summary: 'Say that a credential which could not be revoked is dead',
    description:
      'Of an `irrevocable` lease. It ends `revoked` by the word of the operator alone: `ended.forced` says who and why, and `confirmed_at` stays absent. Nothing is asked of the target.',
    path: lease,
    body: { schema: 'ForcedEnd', example: { reason: word } },
    answers: { 200: { description: 'That is on record.', schema: 'Lease', example: forcedLease } },
    refusals: ['lease_unknown', 'lease_not_irrevocable'],
  },
} as const satisfies Partial<Readonly<Record<RouteName, DocumentedRoute>>>;
