// trust of kind github: jobs of GitHub Actions. Its issuer vouches for everybody's jobs: who is ours is told by ids.
import { z } from 'zod';
import { duration, issuerUrl, listOf, text } from '../values.js';
import { commonMembers, issuerMembers } from './members.js';
import type { ClaimValue, RuleClaims, RuleFlaw, RuleKind } from './rules.js';

const GITHUB_ISSUER = 'https://token.actions.githubusercontent.com';

/** What GitHub numbers for ever: an id is never given to somebody else. */
const IMMUTABLE = ['repository_id', 'repository_owner_id', 'enterprise_id'];

const ID_WANTED = 'must be the number that GitHub gave it, such as 123456';
const id = z
  .union([z.int(ID_WANTED).positive(ID_WANTED), z.string().regex(/^[1-9]\d{0,18}$/, ID_WANTED)], ID_WANTED)
  .transform(String);
const ids = (purpose: string) =>
  z
    .union([id, listOf(id)], ID_WANTED)
    .optional()
    .describe(purpose);

const written = z.union([text(), z.int(), z.boolean()]);
const claim = (purpose: string) =>
  z
    .union([written, listOf(written)], 'must be a text, or a list of texts')
    .optional()
    .describe(purpose);

const FACTS = {
  repository_id: ids('the repository, by its number: gh api repos/ORG/REPO --jq .id'),
  repository_owner_id: ids('the organisation or user, by its number: gh api orgs/ORG --jq .id'),
  enterprise_id: ids('the enterprise, by its number'),
  environment: claim('the deployment environment of the job'),
  ref: claim('the branch or tag that the run is of, such as refs/heads/main'),
  event_name: claim('what started the run, such as push'),
  job_workflow_ref: claim('the reusable workflow of the job: ORG/REPO/.github/workflows/FILE@REF'),
  workflow_ref: claim('the workflow of the run: ORG/REPO/.github/workflows/FILE@REF'),
  repository: claim('the repository by name, beside its number'),
  ...Object.fromEntries(
    ['run_id', 'run_number', 'run_attempt', 'actor_id', 'check_run_id', 'ref_protected'].map((name) => [
      name,
      claim(`the claim ${name}`),
    ]),
  ),
} satisfies RuleKind['facts'];

const CLAIMS = (
  'sub aud iss jti actor base_ref head_ref enterprise issuer_scope ref_type sha workflow workflow_sha ' +
  'job_workflow_sha environment_node_id repository_owner repository_visibility runner_environment'
).split(' ');

/** The form with the ids in it, and these written out. */
const SUBJECT_BY_ID = /^repo:[^*/]+@\d+\/[^*/]+@\d+(?::|$)/;

const saysIds = (claims: RuleClaims): boolean =>
  IMMUTABLE.some((one) => claims[one] !== undefined) ||
  (claims['sub'] !== undefined && texts(claims['sub']).every((one) => SUBJECT_BY_ID.test(one)));

const texts = (value: ClaimValue): string[] => [value].flat().map(String);

function byName(claims: RuleClaims, rule: Readonly<Record<string, unknown>>): RuleFlaw | undefined {
  if (saysIds(claims)) return undefined;
  if (rule['dangerously_by_name'] === true) return undefined;
  return {
    message:
      'goes by names, and a name can be taken over when it is given up: say repository_id or repository_owner_id as well, or dangerously_by_name: true',
  };
}

const rules: RuleKind = {
  kind: 'github',
  example: '{ repository_id: 123456, ref: refs/heads/main }',
  facts: FACTS,
  claims: CLAIMS,
  isOpen: (name, value) => name === 'sub' && /^repo:[*:/@]*$/.test(value),
  flaw: byName,
  switches: {
    dangerously_by_name: z
      .boolean()
      .optional()
      .describe('lets a rule go by names alone, which others can take over'),
  },
  neverAny: 'would be everybody on GitHub: name repository_id or repository_owner_id',
};

const runTool = z.strictObject({
  tool: text().describe('a tool of the catalogue'),
  actions: listOf(text(), 'must name at least one action').describe('what a run may do with it'),
  resources: listOf(text()).optional().describe('globs of the resources that it may touch; all when absent'),
});

/** `task-` begins the ids that the broker makes itself. */
const prefix = z
  .string()
  .regex(
    /^[A-Za-z][A-Za-z0-9_-]{0,14}[_-]$/,
    'must be 2 to 16 letters, digits, - and _ that begin with a letter and end with - or _, such as gh-',
  )
  .refine((one) => one !== 'task-', 'is how the broker begins ids of its own: choose another');

const runs = z.strictObject({
  task_prefix: prefix
    .prefault('gh-')
    .describe('a task is called this, then <repository_id>-<run_id>-<run_attempt>'),
  ttl: duration('1m', '30d')
    .prefault('1h')
    .describe('how long the task of a run lasts, from its first exchange'),
  tools: z
    .array(runTool)
    .min(1, 'must name at least one tool')
    .refine(
      (tools) => new Set(tools.map(({ tool }) => tool)).size === tools.length,
      'must name each tool once',
    )
    .describe('what every run may hold, such as [{ tool: crm, actions: [read] }]'),
});

export const githubShape = {
  kind: z.literal('github').describe('the kind of issuer: oidc, kubernetes, github or spiffe'),
  ...commonMembers({ algorithms: ['RS256'], maxTokenAge: '1h', rules }),
  ...issuerMembers,
  issuer: issuerUrl
    .prefault(GITHUB_ISSUER)
    .describe('the exact iss of its tokens; that of GitHub itself when absent'),
  runs: runs
    .optional()
    .describe('opens a task for each run of a workflow by itself, at its first exchange; with these tools'),
};
