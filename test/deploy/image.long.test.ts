// The Dockerfile's steps, done in a clean folder by a user without rights: what they make starts, is well, and stops.
// Not a test of an image: no container engine takes part.
import { generateKeyPairSync } from 'node:crypto';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { freePort } from '../../examples/demo/port.js';
import { until } from '../fixtures/until.js';
import { lastOf } from './dockerfile.js';
import { type Finished, ImageTree } from './image-tree.js';

let tree: ImageTree;
let port = 0;

beforeAll(async () => {
  tree = new ImageTree();
  await tree.build();
  port = await freePort();
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const folder = join(tree.root, 'etc/mayfly');
  mkdirSync(folder);
  writeFileSync(join(folder, 'jwks.json'), JSON.stringify({ keys: [publicKey.export({ format: 'jwk' })] }));
  writeFileSync(
    join(folder, 'mayfly.yaml'),
    `issuer: http://127.0.0.1:${port}
listen: 127.0.0.1:${port}
store: { kind: embedded, path: ${join(tree.workingFolder, 'mayfly.db')} }
trust:
  - name: local
    kind: oidc
    issuer: https://oidc.example
    audience: mayfly
    jwks_file: ./jwks.json
    roles: { agent: { sub: 'agent-*' } }
tools:
  crm: { plane: data, audience: 'https://crm.example', actions: [read], credential: { kind: jwt } }
`,
  );
}, 300_000);

afterAll(() => tree.remove());

const commandLine = (): string[] => [
  ...JSON.parse(lastOf(tree.image, 'ENTRYPOINT')!),
  ...JSON.parse(lastOf(tree.image, 'CMD')!),
];

/** The health check of the image, at our port. */
const health = (): Promise<Finished> => {
  const written = lastOf(tree.image, 'HEALTHCHECK')!.replace('8420', String(port));
  return tree.run(JSON.parse(written.slice(written.indexOf('CMD ') + 4)), tree.workingFolder);
};

describe('the tree', () => {
  test('has what production needs, and nothing of how it was made', () => {
    const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
    const packages = join(tree.root, 'app/node_modules');
    for (const name of Object.keys(manifest.dependencies)) {
      expect([name, existsSync(join(packages, name))]).toEqual([name, true]);
    }
    for (const name of Object.keys(manifest.devDependencies)) {
      expect([name, existsSync(join(packages, name))]).toEqual([name, false]);
    }
    expect(readdirSync(join(tree.root, 'app')).toSorted()).toEqual([
      'config',
      'dist',
      'node_modules',
      'package.json',
    ]);
  });

  test('has everything of src/ that is not compiled, such as the scripts for Redis', () => {
    const plain = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((name) =>
      /\.(?!ts$)\w+$/.test(name),
    );
    expect(plain.length).toBeGreaterThan(0);
    expect(plain.filter((name) => !existsSync(join(tree.root, 'app/dist', name)))).toEqual([]);
  });

  test('has a command that tells its version', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
    expect(await tree.run(['mayfly', '--version'], tree.workingFolder)).toEqual({
      status: 0,
      output: `${version}\n`,
    });
  });

  test('says what is missing where no configuration was given', async () => {
    const env = { ...tree.environment, MAYFLY_CONFIG: join(tree.root, 'etc/none.yaml') };
    const { status, output } = await tree.run(commandLine(), tree.workingFolder, env);
    expect([status, output]).toEqual([78, expect.stringContaining('none.yaml: cannot be read (ENOENT)')]);
  });
});

test('the broker starts by the image’s command, is well by its health check, and ends in order by SIGTERM', async () => {
  expect((await health()).status).toBe(1);
  const [program = '', ...args] = commandLine();
  const child = spawn(program, args, {
    cwd: tree.workingFolder,
    env: tree.environment,
    ...tree.user,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.on('data', (data) => (log += String(data)));
  const ended = new Promise((done) => child.once('exit', (code, signal) => done([code, signal])));
  try {
    await until('it is well', async () => (await health()).status === 0, { withinMs: 20_000 });
    // The command is Node itself: no shell stands between it and its signals.
    expect(readFileSync(`/proc/${child.pid}/cmdline`, 'utf8').split('\0')[0]).toBe('node');
    expect(readdirSync(tree.workingFolder)).toContain('mayfly.db');
  } finally {
    child.kill('SIGTERM');
  }
  expect(await ended).toEqual([0, null]);
  expect(log).toContain('"msg":"stopped"');
  expect((await health()).status).toBe(1);
});

const canNest = process.getuid?.() === 0 && spawnSync('unshare', ['--pid', '--fork', 'true']).status === 0;

(canNest ? test : test.skip)('as process 1 it takes SIGTERM itself', async () => {
  // The shell waits as the outermost process; in the new namespace the broker is the first.
  const child = spawn(
    'unshare',
    [
      '--pid',
      '--fork',
      '--kill-child',
      'setpriv',
      '--reuid=65534',
      '--regid=65534',
      '--clear-groups',
      ...commandLine(),
    ],
    {
      cwd: tree.workingFolder,
      env: tree.environment,
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  const ended = new Promise((done) => child.once('exit', (code, signal) => done([code, signal])));
  await until('it is well', async () => (await health()).status === 0, { withinMs: 20_000 });
  const [inner] = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').split(' ');
  expect(readFileSync(`/proc/${inner}/status`, 'utf8')).toMatch(/^NSpid:\t\d+\t1$/m);
  process.kill(Number(inner), 'SIGTERM');
  expect(await ended).toEqual([0, null]);
});
