// Limits: how much anybody may ask for at a time. Most may be switched off.
import { z } from 'zod';
import type { LimitSettings } from '../limits/settings.js';
import { duration } from './values.js';

const OFF = 'off';
const MOST = 1_000_000_000;

const RATE = 'must be { per_second: …, burst: … }';
const RATE_WANTED = `${RATE}, or off`;
const rateOf = (perSecond: number, burst: number, wanted = RATE) =>
  z.strictObject(
    {
      per_second: z
        .number('must be a number')
        .min(0.01, 'must be at least 0.01')
        .max(MOST)
        .prefault(perSecond)
        .describe('so many in the long run'),
      burst: z
        .int('must be a whole number')
        .min(1, 'must be at least 1')
        .max(MOST)
        .prefault(burst)
        .describe('so many at once after a pause'),
    },
    wanted,
  );
const rate = (perSecond: number, burst: number) =>
  z.union([rateOf(perSecond, burst, RATE_WANTED), z.literal(OFF, RATE_WANTED)], RATE_WANTED).prefault({});

const COUNT_WANTED = 'must be a whole number of at least 1, or off';
const count = (most: number) =>
  z
    .union([z.int(COUNT_WANTED).min(1, COUNT_WANTED).max(MOST), z.literal(OFF, COUNT_WANTED)], COUNT_WANTED)
    .prefault(most);

export const limitsSchema = z.strictObject({
  requests_per_principal: rate(1000, 3000).describe('requests of one principal; kills are not counted'),
  refusals_per_address: rate(2, 200).describe(
    'requests from one address that are refused before anybody is known; what is more is refused unseen',
  ),
  live_leases_per_task: count(10_000).describe('credentials of one task that live at a time'),
  live_leases_per_agent: count(10_000).describe('credentials of one agent that live at a time, in all tasks'),
  open_tasks_per_orchestrator: count(10_000).describe('tasks of one orchestrator that are open at a time'),
  open_tasks_per_tree: count(1000).describe('open tasks in one tree, its root included'),
  waiting_per_principal: count(100).describe('requests of one principal that are held open at a time'),
  streams: count(4096).describe('streams of the revocation feed at a time'),
  streams_per_principal: count(2048).describe(
    'streams of one principal: as many as its replicas at a broker',
  ),
  recorded_refusals: rateOf(2, 1000)
    .prefault({})
    .describe('refusals before anybody is known that are recorded one by one; what is more, in summary'),
  summary_every: duration('1s', '10m')
    .prefault('10s')
    .describe('how often it is recorded what the limits refused'),
});

type Limits = z.output<typeof limitsSchema>;

/** What is off is absent. */
export function limitSettings(limits: Limits): LimitSettings {
  const members = {
    requestsPerPrincipal: rateIn(limits.requests_per_principal),
    refusalsPerAddress: rateIn(limits.refusals_per_address),
    liveLeasesPerTask: countIn(limits.live_leases_per_task),
    liveLeasesPerAgent: countIn(limits.live_leases_per_agent),
    openTasksPerOrchestrator: countIn(limits.open_tasks_per_orchestrator),
    openTasksPerTree: countIn(limits.open_tasks_per_tree),
    waitingPerPrincipal: countIn(limits.waiting_per_principal),
    streams: countIn(limits.streams),
    streamsPerPrincipal: countIn(limits.streams_per_principal),
    recordedRefusals: rateIn(limits.recorded_refusals),
    summaryEveryMs: limits.summary_every,
  };
  const given = Object.entries(members).filter(([, member]) => member !== undefined);
  return Object.fromEntries(given) as unknown as LimitSettings;
}

const rateIn = (given: Limits['requests_per_principal']) =>
  given === OFF ? undefined : { perSecond: given.per_second, burst: given.burst };
const countIn = (given: Limits['live_leases_per_task']) => (given === OFF ? undefined : given);

/** What each limit that may be off protects, for whoever has switched it off: by its name in the file. */
const UNPROTECTED: readonly [keyof LimitSettings, name: string, risk: string][] = [
  ['requestsPerPrincipal', 'requests_per_principal', 'one principal in a loop can take the whole broker'],
  ['refusalsPerAddress', 'refusals_per_address', 'every garbage token costs a verification'],
  ['liveLeasesPerTask', 'live_leases_per_task', 'one task can fill the store with leases'],
  ['liveLeasesPerAgent', 'live_leases_per_agent', 'one agent can fill the store with leases'],
  [
    'openTasksPerOrchestrator',
    'open_tasks_per_orchestrator',
    'one orchestrator can fill the store with tasks',
  ],
  ['openTasksPerTree', 'open_tasks_per_tree', 'closing a large tree holds up everybody while it lasts'],
  ['waitingPerPrincipal', 'waiting_per_principal', 'one principal can hold any number of requests open'],
  ['streams', 'streams', 'verifiers can take every connection there is'],
  ['streamsPerPrincipal', 'streams_per_principal', 'one verifier can take the streams of all others'],
];

/** One sentence for each limit that is off. */
export const limitCautions = (limits: LimitSettings): string[] =>
  UNPROTECTED.filter(([member]) => limits[member] === undefined).map(
    ([, name, risk]) => `limits: ${name} is off: ${risk}`,
  );
