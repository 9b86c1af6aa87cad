// The metrics port, and the table of all that is counted: what a number means is said once, here.
//
// Labels are bounded: names of routes, tools, trust entries and reasons, never a principal, a task, an address or
// anything else that a caller chooses. Each value is a series for ever, here and in whatever scrapes it.

interface Definition {
  readonly help: string;
  readonly labels: readonly string[];
}

const PREFIX = 'mayfly_';

export const COUNTERS = {
  http_requests_total: { help: 'Requests that were answered.', labels: ['route', 'status'] },
  exchanges_total: {
    help: 'Token exchanges, by outcome and by the reason of a refusal.',
    labels: ['outcome', 'reason'],
  },
  renewals_total: {
    help: 'Renewals of leases, by outcome and by the reason of a refusal.',
    labels: ['outcome', 'reason'],
  },
  refusals_total: {
    help: 'Requests that were refused, by what was asked for and why not.',
    labels: ['action', 'reason'],
  },
  credentials_issued_total: { help: 'Credentials that were issued.', labels: ['tool', 'kind'] },
  credentials_renewed_total: { help: 'Credentials that were renewed.', labels: ['tool', 'kind'] },
  policy_decisions_total: { help: 'What the policy said.', labels: ['action', 'effect'] },
  tasks_opened_total: { help: 'Tasks that were opened.', labels: [] },
  tasks_closed_total: {
    help: 'Tasks that were closed by a completion or by their deadline; those below them, and those that a kill closed, are not counted.',
    labels: ['outcome'],
  },
  quarantines_total: { help: 'Quarantines that began or were lifted.', labels: ['change'] },
  sweeps_total: { help: 'Steps of the sweeper.', labels: [] },
  settlements_total: {
    help: 'Kills of credentials at their targets: confirmed, failed (to be tried again) or irrevocable.',
    labels: ['outcome'],
  },
  irrevocable_leases_taken_up_total: {
    help: 'Irrevocable leases that an operator had tried again (retry) or said to be dead (force).',
    labels: ['change'],
  },
  drift_total: {
    help: 'Where a target and the store differed: credentials without a live lease (orphan), active leases without a credential (missing), kills that somebody had taken back at the target (undone). Each once.',
    labels: ['tool', 'kind'],
  },
  store_warnings_total: {
    help: 'Warnings of the store, each in the log: connections that broke, state that was lost or made good.',
    labels: [],
  },
  store_unavailable_total: { help: 'Calls that the store could not answer.', labels: ['operation'] },
  audit_events_total: {
    help: 'Events of the audit log that requests left; the sweeper leaves others.',
    labels: ['outcome'],
  },
  token_cache_lookups_total: {
    help: 'Workload tokens that were looked for among those verified a moment ago.',
    labels: ['result'],
  },
  issuer_fetches_total: {
    help: 'Keys that were asked of trusted issuers: fetched or failed.',
    labels: ['trust', 'outcome'],
  },
  dpop_proofs_total: {
    help: 'DPoP proofs that were shown: accepted, or the reason of the refusal.',
    labels: ['outcome'],
  },
  limited_total: { help: 'Requests that a limit held back.', labels: ['limit'] },
  connections_refused_total: { help: 'Connections that were refused or cut off.', labels: ['reason'] },
} as const satisfies Record<string, Definition>;

export const HISTOGRAMS = {
  http_request_duration_seconds: {
    help: 'From the request to its answer, without the writing of it.',
    labels: ['route'],
  },
  store_operation_duration_seconds: { help: 'Calls of the store.', labels: ['operation'] },
  kill_duration_seconds: {
    help: 'From the kill to its acknowledgement by the store.',
    labels: ['selector'],
  },
} as const satisfies Record<string, Definition>;

export const GAUGES = {
  build_info: { help: 'Always 1; what runs stands in the labels.', labels: ['version', 'node', 'store'] },
  ready: { help: '1 where /readyz would answer 200: asked of the store at every scrape.', labels: [] },
  signing_key_age_seconds: { help: 'For how long the present signing key has been signing.', labels: [] },
  signing_key_rotation_timestamp_seconds: {
    help: 'When the next signing key takes over, in Unix time.',
    labels: [],
  },
  feed_streams: { help: 'Streams of the revocation feed that are being read.', labels: [] },
  feed_entries: { help: 'Kills in force that the feed tells of.', labels: [] },
  feed_silent_seconds: {
    help: 'For how long nothing has been promised to whoever reads the feed: above a few heartbeats, verifiers take no credential any more.',
    labels: [],
  },
  sweeper_overdue_seconds: {
    help: 'For how long the earliest of what is due has been waiting for the sweeper; 0 where nothing is.',
    labels: [],
  },
  irrevocable_leases: {
    help: 'Credentials that could not be killed at their targets, and that nobody has taken up yet.',
    labels: [],
  },
  targets_shut: {
    help: '1 for each tool whose target failed so often that this broker asks nothing of it for a moment.',
    labels: ['tool'],
  },
  drift_left: {
    help: 'What the last reconciliation of a target left: orphans that it could not kill, active leases without a credential.',
    labels: ['tool', 'kind'],
  },
  reconciliation_age_seconds: {
    help: 'Since this broker last compared all that a target holds under our names with the store, or started.',
    labels: ['tool'],
  },
  issuer_keys_age_seconds: {
    help: 'Since the keys of a trusted issuer were last fetched.',
    labels: ['trust'],
  },
  connections_open: { help: 'Connections that are open.', labels: [] },
} as const satisfies Record<string, Definition>;

export type CounterName = keyof typeof COUNTERS;
export type HistogramName = keyof typeof HISTOGRAMS;
export type GaugeName = keyof typeof GAUGES;

/** A string for each label, in their order. */
export type Labels<Names extends readonly string[]> = { readonly [Index in keyof Names]: string };

/** What a gauge shows: one number, or one for each set of labels. */
export type Reading<Name extends GaugeName> =
  | number
  | readonly {
      readonly labels: Labels<(typeof GAUGES)[Name]['labels']>;
      readonly value: number;
    }[];

export interface Metrics {
  /** Adds one. Costs no more than that: it may stand in the path of every request. */
  count<Name extends CounterName>(name: Name, ...labels: Labels<(typeof COUNTERS)[Name]['labels']>): void;
  observe<Name extends HistogramName>(
    name: Name,
    seconds: number,
    ...labels: Labels<(typeof HISTOGRAMS)[Name]['labels']>
  ): void;
  /** Asked whenever somebody looks, and at no other time. */
  read<Name extends GaugeName>(name: Name, reading: () => Reading<Name> | Promise<Reading<Name>>): void;
}

/** As it is exported. */
export const exportedName = (name: CounterName | HistogramName | GaugeName): string => `${PREFIX}${name}`;
