// `mayfly top`: what it shows is what is, in a handful of requests; nobody's text acts on the terminal, and it fits.
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Secret } from '../../src/domain/secret.js';
import { type View, frame } from '../../src/cli/top/frame.js';
import { Gauge, type Reading } from '../../src/cli/top/reading.js';
import { type AnswerFacts, MayflyClient } from '../../src/sdk/client/index.js';
import { TestBroker } from '../fixtures/broker.js';
import { inPlaceOfBroker } from '../fixtures/in-place-of-broker.js';
import { type Going, SCRIPT, startProgram } from './command.js';
import { ran } from './fake-shell.js';

let broker: TestBroker;
const asked: AnswerFacts[] = [];
const gaugeAs = (sub: string): Gauge => {
  const client = new MayflyClient({
    url: broker.url,
    token: () => broker.workloads.token(sub),
    onAnswer: (answer) => asked.push(answer),
  });
  return new Gauge(client, () => Date.now());
};
let reading: Reading;

beforeAll(async () => {
  broker = await TestBroker.start();
  for (const id of ['few', 'many']) await broker.openTask({ id });
  for (const task of ['few', 'many', 'many'])
    await broker.credential('agent-1', { task_id: task, audience: 'crm' });
  await broker.credential('agent-2', { task_id: 'many', audience: 'crm' });
  await broker.exchange('agent-2', { task_id: 'nowhere', audience: 'crm' });
  await broker.kill({ agent: 'cluster/agent-2' }, { quarantine: true });
  reading = await gaugeAs('operator').read();
});
afterAll(() => broker.stop());

const VIEW: View = {
  url: 'http://b',
  columns: 120,
  rows: 40,
  colours: false,
  sort: 'leases',
  paused: false,
  keys: true,
};

test('reads tasks, leases, kills and refusals in seven requests', () => {
  expect(asked).toHaveLength(7);
  expect(reading).toMatchObject({ ready: true, live: 3, revoking: 0, irrevocable: 0, moreLive: false });
  expect(reading.agents).toEqual([{ agent: 'cluster/agent-1', leases: 3, tasks: 2 }]);
  expect(reading.tasks.map(({ id }) => id)).toEqual(['many', 'few']);
  expect(reading.quarantines.map(({ agent }) => agent)).toEqual(['cluster/agent-2']);
  expect(reading.kills.map(({ detail }) => detail['select'])).toEqual(['agent:cluster/agent-2']);
  expect(reading.refusals.map(({ reason }) => reason)).toEqual(['task_unknown']);
  expect(reading.rates).toMatchObject({ issued: 4 / 30, kills: 1 / 30, atLeast: false });
});

test('counts what came since the last look, and once', async () => {
  const gauge = gaugeAs('operator');
  const { rates: before } = await gauge.read();
  await broker.credential('agent-1', { task_id: 'few', audience: 'crm' });
  const { rates: after } = await gauge.read();
  expect(after!.issued - before!.issued).toBeCloseTo(1 / 30);
});

test('shows an auditor what an auditor may see', async () => {
  const { quarantines, kills } = await gaugeAs('auditor').read();
  expect([quarantines.length, kills.length]).toEqual([0, 1]);
});

describe('a frame', () => {
  test('says loudly how many credentials could not be killed, and nothing where there are none', () => {
    expect(frame(reading, VIEW).join('\n')).not.toContain('IRREVOCABLE');
    const worse = { ...reading, irrevocable: 200, moreIrrevocable: true };
    expect(frame(worse, VIEW)[1]).toContain('200+ IRREVOCABLE');
  });

  test('has every part, sorted as asked for', () => {
    const lines = frame(reading, VIEW);
    expect(
      lines
        .filter((line) => line === line.toUpperCase() && /^[A-Z ]+$/.test(line))
        .map((line) => line.trim()),
    ).toEqual(
      expect.arrayContaining([
        'OPEN TASKS',
        'AGENTS WITH MOST LIVE LEASES',
        'LATEST KILLS',
        'LATEST REFUSALS',
      ]),
    );
    const tasks = lines.filter((line) => /^(few|many) /.test(line)).map((line) => line.split(' ')[0]);
    expect(tasks).toEqual(['many', 'few']);
    expect(lines.at(-1)).toBe('q quit   p pause   s sort by deadline');
  });

  test.each([
    [120, 40],
    [80, 24],
    [40, 10],
    [12, 3],
    [1, 1],
  ])('fits a terminal of %d by %d', (columns, rows) => {
    for (const colours of [false, true]) {
      const lines = frame(reading, { ...VIEW, columns, rows, colours });
      expect(lines.length).toBeLessThanOrEqual(rows);
      for (const line of lines) expect(stripVTControlCharacters(line).length).toBeLessThanOrEqual(columns);
    }
  });

  test('has no colours unless asked for, and nothing that others wrote acts on the terminal', () => {
    const [task] = reading.tasks;
    const nasty = { ...reading, tasks: [{ ...task!, purpose: 'x\u001B[2J\u202Ey' }] };
    const text = frame(nasty, VIEW).join('\n');
    expect(text).not.toMatch(/[^\P{C}\n]/u);
    expect(text).toContain(String.raw`x\x1b[2J\u{202e}y`);
  });

  test('tells what keeps it from being new', () => {
    expect(frame(reading, { ...VIEW, trouble: 'the broker cannot be reached' })[1]).toBe(
      'the broker cannot be reached',
    );
    expect(frame({ ...reading, ready: false, why: 'disk full' }, VIEW)[1]).toContain('NOT READY: disk full');
    expect(frame(undefined, VIEW)).toEqual(['mayfly top   http://b   asking…']);
  });
});

/** Wraps lines again, shows the cursor, and leaves the screen that was lent. */
const LEFT = '\u001B[?7h\u001B[?25h\u001B[?1049l';

const onTerminal = (url: string): Going => {
  const variables = {
    MAYFLY_URL: url,
    MAYFLY_TOKEN: broker.workloads.token('operator'),
    TERM: 'xterm-256color',
  };
  const line = `stty cols 100 rows 30; exec '${process.execPath}' '${SCRIPT}' top --every 1h`;
  return startProgram('script', ['--quiet', '--return', '--command', line, '/dev/null'], variables);
};

describe('on a terminal', () => {
  test('listens to keys, has no line run over the edge, and gives the terminal back', async () => {
    const { child, written, ended } = onTerminal(broker.url);
    await written(/\[\?7l[^]*OPEN TASKS[^]*sort by deadline/);
    child.stdin?.write('s');
    await written(/sort by newest/);
    child.stdin?.write('p');
    await written(/PAUSED/);
    child.stdin?.write('q');
    const { exit, out } = await ended;
    expect([exit, out.endsWith(LEFT)]).toEqual([0, true]);
  });

  test.each([
    ['q', 'q'],
    ['Ctrl+C', '\u0003'],
  ])('%s quits at once, also while the broker does not answer', async (_name, key) => {
    const server = await inPlaceOfBroker(() => child.stdin?.write(key));
    const { child, ended } = onTerminal(server.url);
    const { exit, out } = await ended;
    server.close();
    expect([exit, out.endsWith(LEFT)]).toEqual([0, true]);
  });
});

test('in a pipe it is one frame, and with --json one document', async () => {
  const environment = { url: broker.url, token: new Secret(broker.workloads.token('operator')) };
  const { exit, out } = await ran(['top'], { environment });
  expect([exit, out.split('\n')[0]]).toEqual([0, expect.stringMatching(/^mayfly top {3}http/)]);
  const { out: json } = await ran(['top', '--once', '--json'], { environment });
  expect(JSON.parse(json)).toMatchObject({
    ready: true,
    live_leases: expect.any(Number),
    per_second: { at_least: false },
  });
});
