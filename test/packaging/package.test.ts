// The npm package as others get it: packed, installed into an empty folder, and used there.
import { execFile, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { systemClock } from '../../src/domain/clock.js';
import { writeConfiguration } from '../fixtures/broker-configuration.js';
import { Workloads } from '../fixtures/broker-workloads.js';
import { type Going, freePort, startProgram, stop } from '../cli/command.js';

const run = promisify(execFile);
const folder = mkdtempSync(path.join(tmpdir(), 'mayfly-package-'));
const consumer = path.join(folder, 'consumer');
const installed = path.join(consumer, 'node_modules', 'mayfly');
const mayfly = path.join(consumer, 'node_modules', '.bin', 'mayfly');
let packed: string[] = [];
let broker: Going | undefined;

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };

beforeAll(async () => {
  mkdirSync(consumer);
  // What is built is there already; building it again would pull it away from under other tests.
  const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder];
  const { stdout } = await run('npm', pack, { maxBuffer: 16 * 1024 * 1024 });
  const [made] = JSON.parse(stdout) as { filename: string; files: { path: string }[] }[];
  packed = made!.files.map((file) => file.path);
  writeFileSync(path.join(consumer, 'package.json'), '{ "private": true, "type": "module" }');
  const install = [
    'install',
    path.join(folder, made!.filename),
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
  ];
  await run('npm', [...install, '--ignore-scripts'], { cwd: consumer });
}, 180_000);

afterAll(async () => {
  await stop(broker);
  rmSync(folder, { recursive: true, force: true });
});

/** A module of whoever installed the package, run in its folder. */
function script(
  place: string,
  text: string,
  env: Record<string, string> = {},
): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', text], {
    cwd: place,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], ...env },
  });
  return { status, said: stdout + stderr };
}

const imported = (name: string): string =>
  script(
    consumer,
    `await import('${name}').then(() => console.log('there'), ({ code }) => console.log(code))`,
  ).said;

const LIBRARIES = ['client', 'agent', 'orchestrator'];

const sourceOf = (built: string): string =>
  built.replace(/^dist\//, 'src/').replace(/(?:\.d\.ts|\.js)$/, '.ts');

describe('the package', () => {
  test('holds the build, the configuration and the pages, and nothing of how it is made', () => {
    const kinds = [
      /^(?:package\.json|README\.md|LICENSE|CHANGELOG\.md|SECURITY\.md)$/,
      /^dist\/.+\.(?:js|d\.ts|lua)$/,
      /^config\/[\w.]+\.(?:yaml|json)$/,
      /^config\/policies\/[\w.-]+\.(?:cedar|cedarschema|test\.yaml)$/,
      /^docs\/[\w/.-]+\.(?:md|json)$/,
      /^deploy\/kubernetes\/[\w-]+\.yaml$/,
    ];
    expect(packed.filter((file) => !kinds.some((kind) => kind.test(file)))).toEqual([]);
    for (const kind of kinds) expect(packed.some((file) => kind.test(file))).toBe(true);
    expect(packed).toEqual(
      expect.arrayContaining(['LICENSE', 'SECURITY.md', 'CHANGELOG.md', 'config/mayfly.dev.yaml']),
    );
  });

  test('has no file that was built from what is gone, and points at no source that is not there', () => {
    const built = packed.filter((file) => /^dist\/.*\.(?:js|d\.ts)$/.test(file));
    expect(built.filter((file) => !existsSync(sourceOf(file)))).toEqual([]);
    expect(built.filter((file) => readFileSync(file, 'utf8').includes('sourceMappingURL'))).toEqual([]);
  });
});

describe('installed in an empty folder', () => {
  test('its command says its version', async () => {
    const { stdout } = await run('npx', ['mayfly', '--version'], { cwd: consumer });
    expect(stdout).toBe(`${version}\n`);
  });

  test('it runs a broker, and a credential lives as long as its task', async () => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    // As npx runs it: what it prints to be copied has to work for somebody who has no other way to call it.
    broker = startProgram(mayfly, ['dev', '--port', String(port)], { npm_command: 'exec' }, consumer);
    await broker.written(/=\$\(npx mayfly dev token --as operator\) npx mayfly audit/);
    const command = async (
      args: readonly string[],
      variables: Record<string, string> = {},
    ): Promise<string> => {
      const env = { PATH: process.env['PATH'], MAYFLY_URL: url, ...variables };
      return (await run(mayfly, [...args], { cwd: consumer, env })).stdout;
    };
    const as = async (name: string): Promise<Record<string, string>> => ({
      MAYFLY_TOKEN: (await command(['dev', 'token', '--as', name])).trim(),
    });
    const [planner, agent, crm] = [await as('planner'), await as('agent-1'), await as('crm-api')];
    const manifest = ['--purpose', 'a try', '--agent', 'dev/agent-*', '--tool', 'crm:read', '--ttl', '15m'];
    await command(['task', 'open', '--id', 'run-1', ...manifest], planner);
    const credential = (await command(['token', '--task', 'run-1', '--tool', 'crm'], agent)).trim();
    const file = path.join(consumer, 'credential');
    writeFileSync(file, credential);
    const isActive = async (): Promise<unknown> =>
      (JSON.parse(await command(['introspect', file, '--json'], crm)) as { active: unknown }).active;
    expect(await isActive()).toBe(true);
    await command(['task', 'complete', 'run-1'], planner);
    expect(await isActive()).toBe(false);

    // The client, with the broker that is up.
    const { said } = script(
      consumer,
      `import { MayflyClient, MayflyError } from 'mayfly/client';
       const client = new MayflyClient({ url: process.env.MAYFLY_URL, token: process.env.MAYFLY_TOKEN });
       console.log((await client.listTools()).map(({ name }) => name).join());
       try { await client.exchange({ task_id: 'run-1', audience: 'crm' }); }
       catch (error) { console.log(error instanceof MayflyError, error.code); }`,
      { MAYFLY_URL: url, ...agent },
    );
    expect(said).toBe('crm,search\ntrue ERR_REFUSED\n');
  });

  test('a configuration is found good, and mayfly doctor finds nothing broken', async () => {
    const place = path.join(folder, 'configured');
    mkdirSync(place);
    const url = `http://127.0.0.1:${await freePort()}`;
    const config = writeConfiguration(place, url, new Workloads(systemClock()), {});
    const env = { PATH: process.env['PATH'], MAYFLY_SEAL_KEY: Buffer.alloc(32, 7).toString('base64') };
    const checked = await run(mayfly, ['serve', '--check', '--config', config], { cwd: consumer, env });
    expect(checked.stdout).toContain('is good');
    const examined = await run(mayfly, ['doctor', '--config', config, '--json'], { cwd: consumer, env });
    expect(JSON.parse(examined.stdout)).toMatchObject({ broken: 0 });
  });

  test('nothing can be imported but the libraries', () => {
    for (const name of [...LIBRARIES, 'verifier'])
      expect([name, imported(`mayfly/${name}`)]).toEqual([name, 'there\n']);
    for (const name of ['mayfly', 'mayfly/dist/main.js', 'mayfly/dist/store/store.js']) {
      expect([name, imported(name)]).toEqual([name, 'ERR_PACKAGE_PATH_NOT_EXPORTED\n']);
    }
  });
});

/** What stands before a tool, in Node alone. */
const TOOL = `import { createServer } from 'node:http';
      import { guard, Verifier, type CredentialRefused, type VerifiedCredential } from 'mayfly/verifier';
      const crm = { audience: 'https://crm.example', plane: 'data' } as const;
      await using verifier = new Verifier({ broker: 'https://mayfly.example', token: { file: '/token' }, tools: { crm } });
      export const checked: Promise<VerifiedCredential> = verifier.verify('a.b.c', { tool: 'crm', action: 'read' });
      export const code = (error: CredentialRefused): string => error.code;
      createServer(guard(verifier, { tool: 'crm', action: 'read' }, (_request, response) => response.end()));
      // @ts-expect-error: a call is for an action, or for none in so many letters
      void verifier.verify('a.b.c', { tool: 'crm' });
    `;

describe('the libraries', () => {
  test('need nothing of the server, and no package at all', () => {
    const alone = path.join(folder, 'alone');
    const place = path.join(alone, 'node_modules', 'mayfly');
    mkdirSync(place, { recursive: true });
    cpSync(path.join(installed, 'package.json'), path.join(place, 'package.json'));
    for (const name of LIBRARIES) {
      const library = path.join('dist', 'sdk', name);
      cpSync(path.join(installed, library), path.join(place, library), { recursive: true });
    }
    expect(readdirSync(path.join(alone, 'node_modules'))).toEqual(['mayfly']);
    const { status, said } = script(
      alone,
      `import { DpopKey, MayflyClient } from 'mayfly/client';
       const dpop = await DpopKey.generate();
       const client = new MayflyClient({ url: 'http://127.0.0.1:1', token: 'a.b.c', dpop });
       await client.listTools().catch(({ code }) => console.log(code));
       const { Agent } = await import('mayfly/agent');
       const { withTask } = await import('mayfly/orchestrator');
       const at = { broker: client.url, token: 'a.b.c' };
       await new Agent({ ...at, task: 'run-1' }).tool('crm').credential().catch(({ code }) => console.log(code));
       await withTask(at, () => {}).catch(({ code }) => console.log(code));`,
    );
    expect([status, said]).toEqual([0, 'ERR_UNREACHABLE\n'.repeat(3)]);
  });

  test('go into a bundle for browsers as they are, and work where there is nothing of Node', () => {
    const bundle = path.join(folder, 'bundle.js');
    const page = LIBRARIES.map((name) => `export * from 'mayfly/${name}';`).join('\n');
    writeFileSync(path.join(consumer, 'page.js'), page);
    // For browsers, a module of Node's that is imported is an error.
    const options = ['--bundle', '--platform=browser', '--format=iife', '--global-name=mayfly'];
    const bundled = spawnSync(
      path.resolve('node_modules/.bin/esbuild'),
      ['page.js', ...options, `--outfile=${bundle}`, '--log-level=warning'],
      { cwd: consumer, encoding: 'utf8' },
    );
    expect([bundled.status, bundled.stderr]).toEqual([0, '']);
    const { said } = script(
      folder,
      `import { readFileSync } from 'node:fs';
       import { createContext, runInContext } from 'node:vm';
       const web = { AbortController, AbortSignal, clearTimeout, crypto, fetch, Headers, Request, setTimeout };
       const page = createContext({ ...web, atob, btoa, performance, TextEncoder, URL, URLSearchParams, console });
       runInContext(readFileSync('bundle.js', 'utf8'), page);
       await runInContext(\`(async () => {
         const { Agent, DpopKey, MayflyClient, withTask } = mayfly;
         const at = { url: 'http://127.0.0.1:1', dpop: await DpopKey.generate() };
         for (const token of ['a.b.c', { file: '/token' }])
           await new MayflyClient({ ...at, token }).listTools().catch(({ code }) => console.log(code));
         const agent = new Agent({ broker: at.url, token: { env: 'TOKEN' }, task: 'run-1', dpop: true });
         await agent.tool('crm').fetch('https://crm.example').catch(({ code }) => console.log(code));
         await agent.close();
         await withTask({ broker: at.url, token: 'a.b.c' }, () => {}).catch(({ code }) => console.log(code));
       })()\`, page);`,
    );
    expect(said).toBe('ERR_UNREACHABLE\nERR_TOKEN_SOURCE\nERR_TOKEN_SOURCE\nERR_UNREACHABLE\n');
  });

  test.each([
    ['nodenext', ['nodenext', '--types', 'node', 'tool.ts']],
    ['node16', ['node16', '--moduleResolution', 'node16', '--types', 'node', 'tool.ts']],
    [
      'bundler, in a browser',
      ['preserve', '--moduleResolution', 'bundler', '--types', '', '--lib', 'es2023,dom'],
    ],
  ])('bring their types, checked where nothing is skipped: %s', (_name, resolution) => {
    for (const name of ['@types', 'undici-types']) {
      const there = path.join(consumer, 'node_modules', name);
      if (!existsSync(there)) symlinkSync(path.resolve('node_modules', name), there);
    }
    const module = `import { Agent } from 'mayfly/agent';
      import { withTask } from 'mayfly/orchestrator';
      import { DpopKey, dpopFetch, MayflyClient } from 'mayfly/client';
      import { type MayflyError, newDpopJwk, type TokenResponse } from 'mayfly/client';
      const dpop = await DpopKey.fromJwk(await newDpopJwk());
      const client = new MayflyClient({ url: 'https://mayfly.example', token: { file: '/token' }, dpop });
      export const asked: Promise<Response> = dpopFetch({ dpop, token: 'a.b.c' })('https://crm.example');
      export const issued: Promise<TokenResponse> = client.exchange({ task_id: 'run-1', audience: 'crm' });
      export const code = (error: MayflyError): string => error.code;
      await using agent = new Agent({ broker: client.url, token: { env: 'TOKEN' }, task: 'run-1', dpop });
      export const answer: Response = await agent.tool('crm', { actions: ['read'] }).fetch('https://crm.example');
      const at = { broker: client.url, token: 'a.b.c', purpose: 'a test', agents: ['a'], ttl: '5m' };
      export const one: number = await withTask({ ...at, tools: [] }, async (task) => {
        await task.report('anomaly');
        return task.child({ purpose: 'a part', tools: [] }, () => 1);
      });
      // @ts-expect-error: an exchange is for a task
      void client.exchange({ audience: 'crm' });
    `;
    writeFileSync(path.join(consumer, 'agent.ts'), module);
    writeFileSync(path.join(consumer, 'tool.ts'), TOOL);
    const options = '--noEmit --strict --exactOptionalPropertyTypes --target es2023 --module';
    const checked = spawnSync(
      process.execPath,
      [path.resolve('node_modules/.bin/tsc'), ...options.split(' '), ...resolution, 'agent.ts'],
      { cwd: consumer, encoding: 'utf8' },
    );
    expect([checked.status, checked.stdout]).toEqual([0, '']);
  });
});

/** A module, and all that it imports. */
function graphOf(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  const code = readFileSync(file, 'utf8');
  for (const [, name = ''] of code.matchAll(/^(?:(?:import|export)\b[^'";]* from|import) '([^']+)';$/gm)) {
    if (name.startsWith('.')) graphOf(path.join(path.dirname(file), name), seen);
    else seen.add(name);
  }
  return seen;
}

describe('the verifier', () => {
  test('needs Node, and no package', () => {
    const dist = path.join(installed, 'dist');
    const graph = [...graphOf(path.join(dist, 'sdk', 'verifier', 'index.js'))];
    expect(graph.length).toBeGreaterThan(30);
    const folders = graph
      .filter((name) => name.startsWith(dist))
      .map((name) => path.relative(dist, name).split(path.sep)[0]);
    expect(new Set(folders)).toEqual(new Set(['sdk', 'domain', 'jws']));
    expect(graph.filter((name) => !name.startsWith(dist) && !name.startsWith('node:'))).toEqual([]);
  });
});
