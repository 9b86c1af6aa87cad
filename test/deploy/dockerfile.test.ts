// The Dockerfile as it is written. Whether its steps make a broker that runs is asked in image.long.test.ts.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { isInContext, lastOf, readCopy, readDockerfile } from './dockerfile.js';

const stages = readDockerfile();
const image = stages.at(-1)!;
const manifest = JSON.parse(readFileSync('package.json', 'utf8'));

describe('the build', () => {
  test('begins with a Node that package.json accepts, from no registry in particular', () => {
    const [, least] = /^>=(\d+)/.exec(manifest.engines.node) ?? [];
    for (const { base } of stages) {
      const [, major] = /^node:(\d+)-bookworm-slim$/.exec(base) ?? [];
      expect(Number(major)).toBeGreaterThanOrEqual(Number(least));
    }
  });

  test('copies what is there, and what .dockerignore lets through', () => {
    const copies = stages.flatMap(({ instructions }) =>
      instructions.filter(({ name }) => name === 'COPY').map(({ text }) => readCopy(text)),
    );
    const ofTheContext = copies.filter(({ from }) => from === undefined).flatMap(({ sources }) => sources);
    expect(ofTheContext.filter((source) => !existsSync(source) || !isInContext(source))).toEqual([]);
    const named = copies.map(({ from }) => from).filter((from) => from !== undefined);
    expect(named.filter((name) => !stages.some((stage) => stage.name === name))).toEqual([]);
  });

  test('is given nothing but what it copies: no secret, no database, no checkout', () => {
    const copied = new Set(
      stages.flatMap(({ instructions }) =>
        instructions.filter(({ name }) => name === 'COPY').flatMap(({ text }) => readCopy(text).sources),
      ),
    );
    for (const name of [...readdirSync('.'), 'data', '.env', '.git', 'dist']) {
      expect([name, isInContext(name)]).toEqual([name, copied.has(name)]);
    }
  });

  test('runs no script of any package', () => {
    const installs = stages.flatMap(({ instructions }) =>
      instructions.filter(({ name, text }) => name === 'RUN' && text.includes('npm ci')),
    );
    expect(installs).toHaveLength(2);
    for (const { text } of installs) expect(text).toContain('--ignore-scripts');
  });
});

describe('the image', () => {
  test('has the packages of production only', () => {
    const copies = image.instructions.filter(({ text }) => text.includes('node_modules'));
    const from = new Set(copies.map(({ text }) => readCopy(text).from));
    const dependencies = stages.find(({ name }) => name !== undefined && from.has(name));
    expect(lastOf(dependencies!, 'RUN')).toContain('--omit=dev');
  });

  test('runs as a user who is not root, by number', () => {
    const [uid, gid] = (lastOf(image, 'USER') ?? '').split(':').map(Number);
    expect([uid! > 0, gid! > 0]).toEqual([true, true]);
  });

  test('serves, and says whether it is ready', () => {
    expect(JSON.parse(lastOf(image, 'ENTRYPOINT')!)).toEqual(['mayfly']);
    expect(JSON.parse(lastOf(image, 'CMD')!)).toEqual(['serve']);
    const [, port] = /^(\d+)$/.exec(lastOf(image, 'EXPOSE')!) ?? [];
    expect(lastOf(image, 'HEALTHCHECK')).toContain(`127.0.0.1:${port}/readyz`);
  });
});
