// Reloading: the new configuration as a whole or the old one as it was, and in words what has to wait.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import { LiveSettings, type SwapListener } from '../../src/config/reload.js';
import { GOOD, changed } from './fixture.js';

let path: string;
let live: LiveSettings;
const write = (text: string): void => writeFileSync(path, text);

beforeEach(async () => {
  path = join(mkdtempSync(join(tmpdir(), 'mayfly-reload-')), 'mayfly.yaml');
  write(GOOD);
  live = await LiveSettings.from(path);
});

const CHANGES = [
  ['trust', changed('agent-*', 'bot-*')],
  ['tools', changed('[read, write]', '[read]')],
] as const;

describe('a good file', () => {
  test.each(CHANGES)('swaps %s, and leaves the object that was in force as it was', async (part, text) => {
    const before = live.current;
    const { policyDigest } = before;
    write(text);
    expect(await live.reload()).toEqual({ swapped: true, changed: [part], generation: 2 });
    expect(live.generation).toBe(2);
    expect(live.current).not.toBe(before);
    expect(before.policyDigest).toBe(policyDigest);
    expect(live.current.policyDigest === policyDigest).toBe(part === 'trust');
    expect(() => Object.assign(live.current, { trust: [] })).toThrow(TypeError);
  });

  test('that says the same swaps nothing, so that what was derived stays good', async () => {
    const before = live.current;
    write(`# only a comment\n${GOOD}`);
    expect(await live.reload()).toEqual({ swapped: false, why: 'nothing changed' });
    expect(live.current).toBe(before);
    expect(live.generation).toBe(1);
  });

  test('is seen as one: no reader meets new trust with old tools', async () => {
    write(changed('agent-*', 'bot-*').replace('[read, write]', '[read]'));
    const seen = new Set<string>();
    const reading = new AbortController();
    const reader = (async () => {
      while (!reading.signal.aborted) {
        const { trust, catalogue } = live.current;
        seen.add(
          `${String(trust[0]?.roles[0]?.claims[0]?.anyOf[0])} ${catalogue.byName('crm')?.actions.join(',')}`,
        );
        await new Promise(setImmediate);
      }
    })();
    await live.reload();
    await new Promise(setImmediate);
    reading.abort();
    await reader;
    expect([...seen]).toEqual(['agent-* read,write', 'bot-* read']);
  });
});

describe('a file with a mistake', () => {
  test('keeps what was in force, and says why with every line', async () => {
    const before = live.current;
    write(changed('agent-*', 'bot-*').replace('plane: data', 'plane: dta').replace('[ES256]', '[none]'));
    const reloaded = await live.reload();
    expect(reloaded).toMatchObject({ swapped: false, mistakes: [{ line: 9 }, { line: 15 }] });
    expect(reloaded.swapped ? '' : reloaded.why).toContain(
      'mayfly.yaml:15:12: tools.crm.plane: must be one of',
    );
    expect(live.current).toBe(before);
    expect(live.generation).toBe(1);
  });

  test('does not keep a later good one from being swapped in', async () => {
    write('[');
    await live.reload();
    write(CHANGES[0][1]);
    expect(await live.reload()).toMatchObject({ swapped: true, generation: 2 });
  });
});

describe('what stays while the broker runs', () => {
  test.each([
    ['issuer', changed('https://broker.example', 'https://other.example')],
    ['listen', changed('8420', '8421')],
    ['store', changed('./mayfly.db', './other.db')],
    ['keys', `keys: { rotate_every: 1d }\n${GOOD}`],
    ['kills', `kills: { attempts: 3 }\n${GOOD}`],
    ['reconciliation', `reconciliation: { every: 0s }\n${GOOD}`],
    ['dpop', `dpop: { nonces: required }\n${GOOD}`],
    ['tasks', `tasks: { max_ttl: 1h }\n${GOOD}`],
    ['task_retention', `task_retention: 40d\n${GOOD}`],
    ['lease_retention', `lease_retention: 2d\n${GOOD}`],
    ['audit_retention', `audit_retention: 91d\n${GOOD}`],
    ['http', `http: { body_limit: 1MiB }\n${GOOD}`],
    ['log_level', `log_level: debug\n${GOOD}`],
  ])('waits for a restart: %s', async (name, text) => {
    write(text);
    const waiting = `needs a restart: ${name}`;
    expect(await live.reload()).toEqual({ swapped: false, why: waiting, waiting });
    expect(live.generation).toBe(1);
  });

  test('waits for a restart: a password of the store, which is read from another file', async () => {
    const passwordFile = join(dirname(path), 'password.txt');
    writeFileSync(passwordFile, 'hunter2');
    write(
      changed(
        '{ kind: embedded, path: ./mayfly.db }',
        '{ kind: redis, url: redis://127.0.0.1, password_file: password.txt }',
      ),
    );
    live = await LiveSettings.from(path);
    expect(await live.reload()).toMatchObject({ why: 'nothing changed' });
    writeFileSync(passwordFile, 'hunter3');
    expect(await live.reload()).toMatchObject({ swapped: false, waiting: 'needs a restart: store' });
  });

  test('waits alone: what can be swapped is swapped', async () => {
    write(changed('agent-*', 'bot-*').replace('8420', '8421').replace('./mayfly.db', './other.db'));
    expect(await live.reload()).toEqual({
      swapped: true,
      changed: ['trust'],
      generation: 2,
      waiting: 'needs a restart: listen, store',
    });
    expect(live.fixed.listen.port).toBe(8420);
  });

  test.each([
    [
      'a trusted issuer',
      changed('https://broker.example', 'https://other.example').replace('https://oidc', 'https://broker'),
      'trust cluster has the issuer that this broker still runs by: restart it',
    ],
    [
      'a tool',
      changed('https://broker.example', 'https://other.example').replace('https://crm', 'https://broker'),
      'tool crm has the issuer that this broker still runs by: restart it',
    ],
  ])('is never contradicted by what is swapped in beside it: %s', async (_, text, why) => {
    const before = live.current;
    write(text);
    expect(await live.reload()).toEqual({ swapped: false, why, waiting: 'needs a restart: issuer' });
    expect(live.current).toBe(before);
  });

  test('is never outlived by a credential of what is swapped in beside it', async () => {
    write(`tasks: { max_ttl: 1m }\ntask_retention: 10m\n${GOOD}`);
    live = await LiveSettings.from(path);
    write(`tasks: { max_ttl: 1m }\n${changed('plane: data', 'plane: data\n    max_ttl: 1h')}`);
    expect(await live.reload()).toMatchObject({
      swapped: false,
      why: 'tool crm outlives the task_retention still in force: restart it',
    });
  });
});

test('a retention that waits for a restart keeps out the runs that it is too short for', async () => {
  write(`task_retention: 25d\n${GOOD}`);
  live = await LiveSettings.from(path);
  const runs = `  - name: github
    kind: github
    audience: mayfly
    roles: { agent: { repository_id: 1 } }
    runs: { tools: [{ tool: crm, actions: [read] }] }
tools:`;
  write(`task_retention: 30d\n${changed('tools:\n', `${runs}\n`)}`);
  expect(await live.reload()).toMatchObject({
    swapped: false,
    why: 'runs of github may go on after the task_retention still in force: restart it',
  });
});

describe('listeners', () => {
  test('are told of every swap and of nothing else, until they leave', async () => {
    const listener = jest.fn<SwapListener>();
    const leave = live.onSwap(listener);
    await live.reload();
    expect(listener).not.toHaveBeenCalled();
    write(CHANGES[0][1]);
    await live.reload();
    expect(listener.mock.calls).toEqual([[live.current, 2]]);
    leave();
    write(CHANGES[1][1]);
    await live.reload();
    expect(listener).toHaveBeenCalledTimes(1);
  });

  test('cannot undo a swap, or keep it from the others, by throwing', async () => {
    const other = jest.fn<SwapListener>();
    live.onSwap(() => {
      throw new Error('no');
    });
    live.onSwap(other);
    write(CHANGES[0][1]);
    await expect(live.reload()).rejects.toThrow('the settings were swapped, but not everybody could follow');
    expect(other).toHaveBeenCalledTimes(1);
    expect(live.generation).toBe(2);
    expect(await live.reload()).toEqual({ swapped: false, why: 'nothing changed' });
  });
});

test('reloads that are asked for at once follow each other, and the last one stands', async () => {
  write(CHANGES[0][1]);
  const first = live.reload();
  write(CHANGES[1][1]);
  const second = live.reload();
  await Promise.all([first, second]);
  expect(live.current.catalogue.byName('crm')?.actions).toEqual(['read']);
});

test('a broker does not start with a file that has a mistake', async () => {
  write('issuer: x');
  await expect(LiveSettings.from(path)).rejects.toMatchObject({ code: 'ERR_CONFIGURATION' });
});
