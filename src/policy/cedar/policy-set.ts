// All policies together: found by action and tool, evaluated one by one, a forbid above every permit, nothing by default.
import type { CompiledPolicy } from './compiled-policy.js';
import type { Scope } from './expression.js';
import { EvaluationError } from './values.js';

export interface Verdict {
  readonly effect: 'permit' | 'deny';
  /** The permits that it rests on, or the forbids; none where nothing permits it. */
  readonly determining: readonly CompiledPolicy[];
  /** Policies that could not be evaluated: see `PolicySet.decide`. */
  readonly failed: readonly { readonly policy: CompiledPolicy; readonly why: string }[];
}

const NONE: readonly CompiledPolicy[] = [];

export class PolicySet {
  readonly policies: readonly CompiledPolicy[];
  /** By action and the one tool that they name; under the empty name, those of any tool. */
  readonly #byTool = new Map<string, Map<string, CompiledPolicy[]>>();

  constructor(policies: readonly CompiledPolicy[], actions: readonly string[]) {
    this.policies = policies;
    for (const action of actions) this.#byTool.set(action, new Map());
    for (const policy of policies) this.#add(policy, policy.actions ?? actions);
  }

  #add(policy: CompiledPolicy, actions: readonly string[]): void {
    for (const action of actions) {
      const tools = this.#byTool.get(action);
      const list = tools?.get(policy.tool ?? '');
      if (list) list.push(policy);
      else tools?.set(policy.tool ?? '', [policy]);
    }
  }

  /** Those that may have a say, by what they name. */
  about(action: string, tool: string): readonly CompiledPolicy[] {
    const tools = this.#byTool.get(action);
    const any = tools?.get('') ?? NONE;
    const own = tools?.get(tool) ?? NONE;
    return own.length === 0 ? any : any.length === 0 ? own : [...any, ...own];
  }

  /**
   * Cedar's rule, and one more: a forbid that cannot be evaluated forbids. Cedar passes it over, which would let an
   * overflow open what was closed. A permit that cannot be evaluated permits nothing, as in Cedar.
   */
  decide(scope: Scope): Verdict {
    const permits: CompiledPolicy[] = [];
    const forbids: CompiledPolicy[] = [];
    const failed: { policy: CompiledPolicy; why: string }[] = [];
    const tools = this.#byTool.get(scope.action.id);
    for (const list of [tools?.get(''), tools?.get(scope.resource.id)]) {
      for (const policy of list ?? NONE) {
        try {
          if (policy.satisfied(scope)) (policy.effect === 'permit' ? permits : forbids).push(policy);
        } catch (error) {
          if (!(error instanceof EvaluationError || error instanceof RangeError)) throw error;
          failed.push({ policy, why: error.message });
          if (policy.effect === 'forbid') forbids.push(policy);
        }
      }
    }
    if (forbids.length > 0) return { effect: 'deny', determining: forbids, failed };
    return { effect: permits.length > 0 ? 'permit' : 'deny', determining: permits, failed };
  }
}
