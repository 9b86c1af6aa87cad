// Jobs of GitHub Actions. Its issuer vouches for the whole world: who is ours is told by ids, as names can be taken over.
import type { PrincipalName, TaskId } from '../../domain/ids.js';
import { principalName } from '../../domain/ids.js';
import { Refusal } from '../../domain/refusal.js';
import type { OwnRun, RunTemplate } from '../../domain/run.js';
import { quoted } from '../../jws/quoted.js';
import type { GithubTrust } from '../trust.js';
import { GITHUB_ID, isRepositorySubject, parseGithubSubject } from './github-subject.js';
import type { Claims, Workload } from './workload.js';

/** Every job's token has these, as texts (GitHub Docs, OpenID Connect reference). */
const REQUIRED = [
  'repository',
  'repository_id',
  'repository_owner',
  'repository_owner_id',
  'run_id',
  'run_attempt',
  'event_name',
] as const;
type Required = Readonly<Record<(typeof REQUIRED)[number], string>>;
const IDS = ['repository_id', 'repository_owner_id', 'run_id'] as const;
/** GitHub re-runs a workflow 50 times at most. */
const ATTEMPT = /^[1-9]\d{0,3}$/;
/** Rules compare these; in any other type they would match nothing, or what nobody meant. */
const TEXTS = [
  'enterprise_id',
  'ref',
  'environment',
  'job_workflow_ref',
  'workflow_ref',
  'ref_protected',
  'runner_environment',
  'actor_id',
  'sha',
];

export function githubJob(trust: GithubTrust, subject: string, claims: Claims): Workload | Refusal {
  const flaw = flawIn(claims) ?? contradictionIn(subject, claims as Required);
  if (flaw) return flaw;
  const job = claims as Required;
  return {
    name: principalName(trust.name, subject),
    facts: claims,
    instances: { run: job.run_id },
    ...(trust.runs && { run: ownRun(trust.name, trust.runs, job) }),
  };
}

function flawIn(claims: Claims): Refusal | undefined {
  const missing = REQUIRED.find((claim) => claims[claim] === undefined);
  if (missing) return new Refusal('claim_missing', missing);
  const mistyped =
    [...REQUIRED, ...TEXTS].find((claim) => !['string', 'undefined'].includes(typeof claims[claim])) ??
    IDS.find((claim) => !GITHUB_ID.test(claims[claim] as string)) ??
    (ATTEMPT.test(claims['run_attempt'] as string) ? undefined : 'run_attempt');
  return mistyped === undefined ? undefined : new Refusal('claim_mistyped', mistyped);
}

/** The one is what we call it by, the others what rules go by: they must be one repository. */
function contradictionIn(subject: string, job: Required): Refusal | undefined {
  const disagree = (what: string): Refusal =>
    new Refusal('claims_disagree', `${what}: sub ${quoted(subject)}, repository ${quoted(job.repository)}`);
  const [owner, ...name] = job.repository.split('/');
  if (owner !== job.repository_owner || name.length !== 1) return disagree('repository_owner');
  if (!isRepositorySubject(subject)) return undefined;
  const said = parseGithubSubject(subject);
  if (!said) return new Refusal('claim_mistyped', 'sub');
  if (`${said.owner}/${said.repository}` !== job.repository) return disagree('repository');
  if (said.ids && said.ids.owner !== job.repository_owner_id) return disagree('repository_owner_id');
  if (said.ids && said.ids.repository !== job.repository_id) return disagree('repository_id');
  return undefined;
}

/**
 * By attempt: the id of a closed task stays reserved, and a run that is run again is to get a task again. By
 * repository: GitHub calls the id of a run unique within one.
 */
function ownRun(trust: string, template: RunTemplate, job: Required): OwnRun {
  return {
    taskId: `${template.prefix}${job.repository_id}-${job.run_id}-${job.run_attempt}` as TaskId,
    orchestrator: trust as PrincipalName,
    id: job.run_id,
    template,
  };
}
