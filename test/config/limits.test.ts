// The limits in the configuration: what may be written, what is off, and what is said of that.
import { describe, expect, test } from '@jest/globals';
import { stringify } from 'yaml';
import { cautionsAbout } from '../../src/config/cautions.js';
import { settingsFrom } from '../../src/config/load.js';
import { limitsSchema } from '../../src/config/limits-schema.js';
import { GOOD, mistakesOf } from './fixture.js';

const withLimits = (limits: object): string => `${GOOD.trimEnd()}\n${stringify({ limits })}`;
const limitsOf = async (limits: object) => (await settingsFrom(withLimits(limits), 'a.yaml')).limits;
const RATES = ['requests_per_principal', 'refusals_per_address'];
const COUNTS = [
  'live_leases_per_task',
  'live_leases_per_agent',
  'open_tasks_per_orchestrator',
  'open_tasks_per_tree',
  'waiting_per_principal',
  'streams',
  'streams_per_principal',
];

const limitsIn = (cautions: readonly string[]): string[] =>
  cautions.filter((caution) => caution.startsWith('limits: '));

describe('a limit', () => {
  test('that is given in part keeps the default of the rest', async () => {
    expect(await limitsOf({ requests_per_principal: { per_second: 0.5 } })).toMatchObject({
      requestsPerPrincipal: { perSecond: 0.5, burst: 3000 },
      refusalsPerAddress: { perSecond: 2, burst: 200 },
    });
  });

  test.each([...RATES, ...COUNTS])('%s may be off, which is then said at every start', async (name) => {
    const text = `${GOOD.trimEnd()}\nlimits: { ${name}: off }\n`;
    const settings = await settingsFrom(text, 'a.yaml');
    const { limits: defaults } = await settingsFrom(GOOD, 'a.yaml');
    expect(Object.keys(settings.limits)).toHaveLength(Object.keys(defaults).length - 1);
    expect(limitsIn(cautionsAbout(settings))).toEqual([
      expect.stringMatching(new RegExp(`^limits: ${name} is off: .`)),
    ]);
  });

  test('is never silently off: none is said to be where all are on', async () => {
    expect(limitsIn(cautionsAbout(await settingsFrom(GOOD, 'a.yaml')))).toEqual([]);
  });

  test('all of them stand here', () => {
    const known = [...RATES, ...COUNTS, 'recorded_refusals', 'summary_every'];
    expect(Object.keys(limitsSchema.shape).toSorted()).toEqual(known.toSorted());
  });
});

describe('a mistake in it is named', () => {
  const RATE = 'must be { per_second: …, burst: … }';
  const COUNT = 'must be a whole number of at least 1, or off';
  test.each([
    ['live_leases_per_agent: 0', `limits.live_leases_per_agent: ${COUNT}`],
    ['live_leases_per_agent: 1.5', `limits.live_leases_per_agent: ${COUNT}`],
    ['live_leases_per_agent: none', `limits.live_leases_per_agent: ${COUNT}`],
    ['requests_per_principal: 100', `limits.requests_per_principal: ${RATE}, or off`],
    [
      'requests_per_principal: { per_second: 0 }',
      'limits.requests_per_principal.per_second: must be at least 0.01',
    ],
    ['requests_per_principal: { burst: 0 }', 'limits.requests_per_principal.burst: must be at least 1'],
    [
      'requests_per_principal: { per_minute: 1 }',
      'limits.requests_per_principal.per_minute: is not known: known here are per_second, burst',
    ],
    ['recorded_refusals: off', `limits.recorded_refusals: ${RATE}`],
    ['summary_every: 0s', 'limits.summary_every: must be at least 1s, not 0ms'],
    [
      'live_leases_per_agents: 10',
      'limits.live_leases_per_agents: is not known: did you mean live_leases_per_agent?',
    ],
  ])('%s', async (written, told) => {
    const mistakes = await mistakesOf(`${GOOD.trimEnd()}\nlimits: { ${written} }\n`);
    expect(mistakes.map((mistake) => mistake.replace(/^\d+:\d+ /, ''))).toEqual([told]);
  });
});
