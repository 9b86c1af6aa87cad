// What a credential is called in AWS, so that CloudTrail tells whose it was: all of it derives from the lease (invariant 2).
import type { AwsStsCredential } from '../../domain/aws-sts.js';
import type { Lease } from '../../domain/lease.js';
import type { LeaseId } from '../../domain/ids.js';
import { isLeaseId, rootOf } from '../../domain/ids.js';

/** STS: of RoleSessionName and SourceIdentity alike. */
const SESSION_NAME = /^[\w+=,.@-]{2,64}$/;
/** STS: what a tag may be made of; other characters are shown as `_`. */
const NOT_IN_TAGS = /[^\p{L}\p{Z}\p{N}_.:/=+\-@]/gu;
const MAX_TAG_VALUE = 256;

/**
 * RoleSessionName and SourceIdentity: the lease id. Nobody but us gives such names, and a kill needs no more than it.
 *
 * @throws Error of what is no lease id: STS would refuse it, or worse, a deny list would name somebody else's session
 */
export function sessionName(id: LeaseId): string {
  if (!isLeaseId(id) || !SESSION_NAME.test(id)) throw new Error('a lease with a name that is none');
  return id;
}

/** How AWS calls the session in `aws:userid`: the id of the role, which no other role ever gets again, and the name. */
export const userId = (roleId: string, session: string): string => `${roleId}:${session}`;

export interface Tag {
  readonly Key: string;
  readonly Value: string;
}

/** Session tags, for CloudTrail and cost reports; none of them decides anything. */
export function sessionTags({
  id,
  taskId,
  agent,
  tool,
}: Pick<Lease, 'id' | 'taskId' | 'agent' | 'tool'>): Tag[] {
  const tags = {
    mayfly_lease: id,
    mayfly_task: taskId,
    mayfly_root_task: rootOf(taskId),
    mayfly_agent: agent,
    mayfly_tool: tool,
  };
  return Object.entries(tags).map(([name, value]) => ({ Key: name, Value: tagValue(value) }));
}

/** As much of it as AWS takes, and no half of a character: the lease tells the rest. */
const tagValue = (text: string): string =>
  text
    .replaceAll(NOT_IN_TAGS, '_')
    .slice(0, MAX_TAG_VALUE)
    .replace(/[\uD800-\uDBFF]$/, '');

/**
 * By which the store, and brokers among each other, tell roles apart. An ARN alone does not, as only AWS gives each account
 * a number; and IAM's own calls go by the name alone.
 */
export const roleKey = ({ endpoint }: Pick<AwsStsCredential, 'endpoint'>, arn: string): string =>
  endpoint === undefined ? arn : `${endpoint} ${arn}`;

export const roleArn = (key: string): string => key.slice(key.indexOf(' ') + 1);

/** `arn:aws:iam::123456789012:role/path/name`: IAM goes by the last part. */
export const roleName = (key: string): string => key.slice(key.lastIndexOf('/') + 1);
