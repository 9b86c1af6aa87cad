// Decisions: how long one takes as issuance asks for it, beside Cedar's own WASM; and what policies cost of issuance.
import { performance } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import type { CedarValueJson } from '@cedar-policy/cedar-wasm/nodejs';
import type { PrincipalName, TaskId } from '../src/domain/ids.js';
import { Catalogue } from '../src/domain/tool.js';
import { NO_CONTEXT } from '../src/domain/tree-context.js';
import { cedarPolicy } from '../src/policy/cedar/cedar-policy.js';
import { scopesOf } from '../src/policy/cedar/decide.js';
import { loadPolicies } from '../src/policy/cedar/load.js';
import type { RecordedRequest } from '../src/policy/cedar/request.js';
import type { DecisionInput, Policy } from '../src/policy/policy.js';
import { jsonForm, uid } from '../test/policy/cedar/reference.js';
import { brokerPlace, buildBroker, startBroker, TOOL } from './parts/broker.js';
import { Contender, ratio, throughput } from './parts/contender.js';
import { temporaryFolder } from './parts/folder.js';
import {
  AGENTS,
  checkLeases,
  openTasks,
  verifyCredentials,
  withKnownTokens,
  withNewTokens,
} from './parts/issuance.js';
import { leaveServingCore, machine } from './parts/machine.js';
import { readOptions } from './parts/options.js';
import { policyText, writePolicies } from './parts/policies.js';
import { median, quantile } from './parts/statistics.js';
import { startStore } from './parts/store.js';
import { printTable } from './parts/table.js';

// As src/cli/mayfly.ts does: the reference is WASM.
if (process.version.startsWith('v20.')) setFlagsFromString('--no-turbo-inline-js-wasm-calls');

const GOAL_P50_MICROS = 60;
const GOAL_SHARE = 0.75;
const COUNTS = [10, 100, 1000] as const;
const IN_ISSUANCE = 100;
/** The reference takes so much longer that fewer tell as much. */
const TIMES_OF_REFERENCE = 20;

const { seconds, rounds, store: kind } = readOptions(['rounds', 'store']);
leaveServingCore();

const catalogue = new Catalogue([
  {
    name: TOOL.name,
    plane: 'data',
    audience: TOOL.audience,
    actions: TOOL.actions,
    sensitivity: 'internal',
    maxTtlMs: 3_600_000,
    renewable: false,
    credential: { kind: 'jwt' },
  },
]);
const PRINCIPAL = {
  name: 'cluster/agent-7' as PrincipalName,
  trust: 'cluster',
  subject: 'agent-7',
  claims: {
    iss: 'https://idp.example',
    sub: 'agent-7',
    aud: 'mayfly',
    groups: ['billing', 'group-5'],
    email: 'agent-7@example.com',
    environment: 'production',
    repository: 'acme/agents',
    ref: 'refs/heads/main',
  },
};
const TASK = {
  id: 'run-42' as TaskId,
  orchestrator: 'cluster/planner' as PrincipalName,
  purpose: 'to be measured',
  labels: { team: 'billing', customer: '42' },
  openedAt: Date.now(),
};
const CONTEXT = { ...NO_CONTEXT, version: 2, held: ['data:internal:crm', 'tool:public:search'] as const };

const rows = [];
let atHundred = NaN;
for (const count of COUNTS) {
  const policy = await policyWith(count);
  const ours = timed(() => void policy.decide(input()), seconds);
  const theirs = timed(reference(policy, count), seconds / 2);
  if (count === IN_ISSUANCE) atHundred = quantile(ours, 0.5);
  rows.push([
    `${count} policies`,
    ...[0.5, 0.99].map((share) => quantile(ours, share).toFixed(1)),
    quantile(theirs, 0.5).toFixed(0),
    `${(quantile(theirs, 0.5) / quantile(ours, 0.5)).toFixed(0)} ×`,
  ]);
}
console.log(`\nOne decision, in microseconds: ${machine()}\n`);
printTable(['', 'p50', 'p99', 'Cedar in WASM, p50', 'ratio'], rows);
say(
  `p50 with ${IN_ISSUANCE} policies under ${GOAL_P50_MICROS} µs`,
  atHundred < GOAL_P50_MICROS,
  `${atHundred.toFixed(1)} µs`,
);
await compareIssuance();

async function policyWith(count: number): Promise<Policy> {
  const loaded = await loadPolicies([{ name: 'bench.cedar', text: policyText(count) }]);
  if ('mistakes' in loaded) throw new Error(loaded.mistakes.map(({ message }) => message).join('\n'));
  return cedarPolicy(loaded.set, catalogue, 'digest');
}

/** Nothing that a decision is made on is the same object twice, but what a broker has at hand: the task, the claims. */
function input(): DecisionInput {
  return {
    action: 'exchange',
    principal: PRINCIPAL,
    task: TASK,
    above: [],
    context: CONTEXT,
    tool: catalogue.byName(TOOL.name)!,
    actions: ['read'],
    details: [],
    address: '10.3.0.7',
    now: Date.now(),
  };
}

/** The same request in the form that the reference takes, without the time that it takes to bring it into that. */
function reference(policy: Policy, count: number): () => void {
  const request = policy.decide(input()).input as RecordedRequest;
  const { principal, action, resource, context } = scopesOf(request)[0]!.scope;
  const preparsedPolicySetId = `bench-${count}`;
  cedar.preparsePolicySet(preparsedPolicySetId, { staticPolicies: policyText(count) });
  const entities = [principal, resource].map((one) => ({
    uid: uid(one),
    attrs: one.attrs as Record<string, CedarValueJson>,
    tags: (one.tags ?? {}) as Record<string, CedarValueJson>,
    parents: [],
  }));
  const call = {
    principal: uid(principal),
    action: uid(action),
    resource: uid(resource),
    context: jsonForm(context, request),
    preparsedPolicySetId,
    entities,
  };
  const answer = cedar.statefulIsAuthorized(call);
  if (answer.type === 'failure' || answer.response.decision !== 'allow')
    throw new Error('the reference denies it');
  if (policy.decide(input()).effect !== 'permit') throw new Error('ours denies it');
  return () => void cedar.statefulIsAuthorized(call);
}

/** Each call's time in microseconds, in ascending order; a share of the time is for warming up. */
function timed(call: () => void, lastsSeconds: number): number[] {
  const warm = performance.now() + lastsSeconds * 300;
  while (performance.now() < warm) call();
  const taken: number[] = [];
  const until = performance.now() + lastsSeconds * 700;
  while (performance.now() < until) {
    const began = performance.now();
    call();
    taken.push((performance.now() - began) * 1000);
  }
  if (taken.length < TIMES_OF_REFERENCE) throw new Error('too little was measured');
  return taken.toSorted((a, b) => a - b);
}

/** Two brokers of this build, one without policies and one with a hundred, in the same rounds. */
async function compareIssuance(): Promise<void> {
  const dist = buildBroker();
  const folder = temporaryFolder();
  const running: { stop(): Promise<void> }[] = [];
  const installations: { readonly url: string; readonly loads: Contender[] }[] = [];
  for (const [label, count] of [
    ['no policies', 0],
    [`${IN_ISSUANCE} policies`, IN_ISSUANCE],
  ] as const) {
    const store = await startStore(kind, folder, label.replace(' ', '-'));
    running.unshift(store);
    const more = count > 0 ? { more: ['policies: ./policies'] } : {};
    const place = await brokerPlace(folder, label.replace(' ', '-'), { store: store.yaml, ...more });
    if (count > 0) writePolicies(place.folder, count);
    const server = await startBroker(place, dist, { env: store.env });
    running.unshift(server);
    await openTasks(place.url);
    const contending = {
      urls: [place.url],
      servers: [server],
      keepers: store.keepers,
      verify: (bodies: readonly Buffer[]) => verifyCredentials(place, bodies),
    };
    const loads = [
      new Contender({
        ...contending,
        name: `${label}: every workload token new`,
        prepare: (count_) => withNewTokens(place.url, count_),
      }),
      new Contender({
        ...contending,
        name: `${label}: ${AGENTS} agents use their tokens again`,
        prepare: () => withKnownTokens(place.url),
      }),
    ];
    installations.push({ url: place.url, loads });
  }
  const contenders = installations.flatMap(({ loads }) => loads);
  for (const contender of contenders) await contender.warmUp(seconds);
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < contenders.length; turn++)
      await contenders[(turn + round) % contenders.length]!.round(seconds);
  }
  for (const { url, loads } of installations)
    await checkLeases(
      url,
      loads.reduce((sum, { answered }) => sum + answered, 0),
    );

  console.log(`\nIssuance on the ${kind} store\n`);
  printTable(
    ['', 'per second', 'CPU of the broker, µs', 'CPU of the store, µs'],
    contenders.map((one) => [
      one.name,
      median(throughput(one)).toFixed(0),
      median(one.cpuMicros).toFixed(0),
      kind === 'embedded' ? '–' : median(one.keeperMicros).toFixed(0),
    ]),
  );
  const [without, having] = installations.map(({ loads }) => loads) as [Contender[], Contender[]];
  ['new tokens', 'tokens used again'].forEach((load, index) => {
    const share = ratio(throughput(having[index]!), throughput(without[index]!));
    say(
      `${load}: at least three quarters of the throughput without policies`,
      share >= GOAL_SHARE,
      share.toFixed(2),
    );
  });
  for (const one of running) await one.stop();
}

function say(goal: string, reached: boolean, measured: string): void {
  console.log(`goal: ${goal}: ${measured}, ${reached ? 'reached' : 'NOT reached'}`);
}
