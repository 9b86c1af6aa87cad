// How credentials of kind aws-sts are made, as the file writes it.
import { z } from 'zod';
import { neverHere, variableName } from '../members.js';
import { duration, endpointUrl, listOf, text } from '../values.js';

const KEY_WANTED = 'must be the id of an access key, such as AKIA…: 3 to 128 letters and digits';
/** IAM: 64 characters of a role's name, after a path. */
const ROLE_WANTED = 'must be the ARN of a role, such as arn:aws:iam::111122223333:role/mayfly-reports-1';
const roleArn = z
  .string(ROLE_WANTED)
  .max(512, ROLE_WANTED)
  .regex(/^arn:[a-z0-9-]+:iam::[0-9]*:role\/(?:[\x21-\x2e\x30-\x7e]+\/)*[\w+=,.@-]{1,64}$/, ROLE_WANTED);

/** More than that have no room in a role's policies, whatever else is there. */
const MOST_SESSIONS = 115;
const SESSIONS_WANTED = `must be a whole number from 1 to ${MOST_SESSIONS}: one role can deny no more by name`;

const AUDIENCE_WANTED = 'must have 255 characters at most';

const statement = z.strictObject({
  actions: listOf(text(), 'must have at least one action').describe('actions of AWS, such as [s3:GetObject]'),
  resources: listOf(text(), 'must have at least one ARN').describe(
    "ARNs, with {{resource}} for each resource of the grant and {{task}} for the task's root",
  ),
  like: z
    .record(z.string(), listOf(text(), 'must have at least one value'))
    .optional()
    .describe("condition keys that must be like one of these, such as { 's3:prefix': ['{{resource}}'] }"),
});

export const awsStsMembers = {
  region: z
    .string()
    .regex(/^[a-z0-9-]{1,40}$/, 'must be the name of a region, such as eu-west-1')
    .describe('the region whose STS is asked, and which is given with the credential'),
  endpoint: endpointUrl.optional().describe("where STS and IAM are, if not at AWS; AWS's own when absent"),
  roles: listOf(roleArn, 'must name at least one role').describe(
    'the roles that sessions are of; several share them, as one can deny only so many',
  ),
  sessions_per_role: z
    .int(SESSIONS_WANTED)
    .min(1, SESSIONS_WANTED)
    .max(MOST_SESSIONS, SESSIONS_WANTED)
    .prefault(80)
    .describe('how many sessions may be alive on each of them'),
  access_key_id: z
    .string(KEY_WANTED)
    .regex(/^\w{3,128}$/, KEY_WANTED)
    .optional()
    .describe("the broker's own key; what the platform has for the broker when absent"),
  secret_access_key: neverHere('secret_access_key'),
  secret_access_key_file: text().optional().describe('a file with its secret and nothing else'),
  secret_access_key_env: variableName.optional().describe('the environment variable that holds its secret'),
  session_token: neverHere('session_token'),
  session_token_file: text().optional().describe('a file with its session token, where it has one'),
  session_token_env: variableName
    .optional()
    .describe('the environment variable that holds its session token, where it has one'),
  web_identity: z
    .boolean()
    .prefault(false)
    .describe('whether STS is asked by a token of the broker, which needs no key of AWS for that'),
  web_identity_audience: text()
    .max(255, AUDIENCE_WANTED)
    .optional()
    .describe(
      'what that token is for, as the identity provider in IAM has it; sts.amazonaws.com when absent',
    ),
  source_identity: z
    .boolean()
    .prefault(true)
    .describe('whether the lease is the source identity of the session, for CloudTrail'),
  session_tags: z.boolean().prefault(true).describe('whether the session has tags, for CloudTrail'),
  in_force_after: duration('0s', '10m')
    .prefault('10s')
    .describe('how long after IAM has taken a kill it is in force everywhere: the kill is confirmed then'),
  dangerously_allow_token_vending: z
    .boolean()
    .prefault(false)
    .describe('let actions hand out other credentials, which no kill reaches'),
  actions: z
    .record(z.string(), z.array(statement).min(1, 'must have at least one statement'))
    .describe('what each of the actions of the tool allows at AWS'),
};
