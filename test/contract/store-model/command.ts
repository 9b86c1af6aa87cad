// A command of a random run, and what its arguments are drawn from: few names, so that commands meet one another.
import { expect } from '@jest/globals';
import * as fc from 'fast-check';
import { expiryOf } from '../../../src/domain/lease.js';
import type { Lease } from '../../../src/domain/lease.js';
import { Refusal } from '../../../src/domain/refusal.js';
import type { ContextChanged } from '../../../src/domain/tree-context.js';
import type { LeaseRequest } from '../../../src/store/store.js';
import type { Scene } from '../store/scene.js';
import { granted, reasonOf, select, tokenRequest } from '../store/scene.js';
import type { Dead } from './agreement.js';
import { expectAgreement } from './agreement.js';
import type { StoreModel } from './model.js';
import { AGENTS, CHILDREN, INSTANCES, KEYS, ROOTS, TOOLS, TRUSTS } from './names.js';

export interface Run {
  readonly scene: Scene;
  readonly dead: Dead;
}

type Act = (model: StoreModel, run: Run) => Promise<void>;

/** A command with its arguments, shown as such when a run fails. */
export class Command implements fc.AsyncCommand<StoreModel, Run> {
  readonly #name: string;
  readonly #facts: unknown;
  readonly #act: Act;

  constructor(name: string, facts: unknown, act: Act) {
    this.#name = name;
    this.#facts = facts;
    this.#act = act;
  }

  check(): boolean {
    return true;
  }

  async run(model: StoreModel, run: Run): Promise<void> {
    await this.#act(model, run);
    await expectAgreement(model, run.scene, run.dead);
  }

  toString(): string {
    return `${this.#name} ${JSON.stringify(this.#facts)}`;
  }
}

export const command = <T>(
  name: string,
  facts: fc.Arbitrary<T>,
  act: (facts: T, model: StoreModel, run: Run) => Promise<void>,
): fc.Arbitrary<Command> =>
  facts.map((given) => new Command(name, given, (model, run) => act(given, model, run)));

export const task = fc
  .tuple(fc.constantFrom(...ROOTS), fc.constantFrom(...CHILDREN))
  .map(([root, child]) => `${root}${child}`);
export const taskTtlMs = fc.constantFrom(20_000, 100_000, 300_000, 300_000);
export const ttlMs = fc.constantFrom(300, 1_500, 10_000, 60_000, 300_000);
/** One of what there is, whichever the number comes to. */
export const which = fc.nat({ max: 999 });
export const nth = <T>(some: Iterable<T>, index: number): T | undefined => {
  const all = [...some];
  return all[index % all.length];
};
/** Mostly a task that is there; sometimes one that may not be. */
export const someTask = fc.oneof({ weight: 9, arbitrary: which }, { weight: 1, arbitrary: task });
const binding = fc.oneof(
  { weight: 4, arbitrary: fc.constant({}) },
  {
    weight: 1,
    arbitrary: fc.record({
      instance: fc.constantFrom(...INSTANCES),
      bindsInstance: fc.constantFrom('of_agent' as const, 'of_tree' as const),
    }),
  },
);
export const request = fc
  .record({
    binding,
    task: someTask,
    agent: fc.constantFrom(...AGENTS),
    actors: fc.oneof(
      { weight: 3, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: fc.uniqueArray(fc.constantFrom(...AGENTS), { maxLength: 2 }) },
    ),
    tool: fc.constantFrom(...TOOLS),
    trust: fc.constantFrom(...TRUSTS),
    keyId: fc.constantFrom(...KEYS),
    ttlMs,
  })
  .map(({ binding: bound, ...rest }) => ({
    ...rest,
    ...(bound as Pick<LeaseRequest, 'instance' | 'bindsInstance'>),
  }));
export const wide = fc.oneof(
  fc.constantFrom(...AGENTS).map((name) => select('agent', name)),
  fc.constantFrom(...TOOLS).map((name) => select('tool', name)),
  fc.constantFrom(...TRUSTS).map((name) => select('trust', name)),
  fc.constant(select('all')),
);

type Asked = typeof request extends fc.Arbitrary<infer T> ? T : never;
export const tokenOf = (model: StoreModel, { task: given, ...terms }: Asked): LeaseRequest =>
  tokenRequest(taskOf(model, given), { ...terms, listed: true });
export const taskOf = (model: StoreModel, given: Asked['task']): string =>
  typeof given === 'string' ? given : nth(model.tasks.keys(), given)!;

/** What was granted has to be what the model would have granted. */
export function expectGrant(
  model: StoreModel,
  asked: LeaseRequest,
  answer: Lease | ContextChanged | Refusal,
): Lease | undefined {
  const refusal = model.refusalOf(asked);
  expect(reasonOf(answer)).toBe(refusal ?? 'not refused');
  if (answer instanceof Refusal) return undefined;
  const result = granted(answer);
  model.bind(asked);
  expect(result.issuedAt).toBeGreaterThanOrEqual(model.now);
  expect(result.expiresAt).toBe(
    expiryOf(result.issuedAt, asked.ttlMs, model.tasks.get(asked.taskId)!.deadline),
  );
  return result;
}
