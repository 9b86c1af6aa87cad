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
/** In the place of a tool's name: no tool is called so. */
const ANY = '';

export class PolicySet {
  readonly policies: readonly CompiledPolicy[];
  /** By action and the one tool that they name; under `ANY`, those of any tool. */
  readonly #byTool = new Map<string, Map<string, CompiledPolicy[]>>();
  readonly #together = new WeakMap<readonly CompiledPolicy[], readonly CompiledPolicy[]>();

  constructor(policies: readonly CompiledPolicy[], actions: readonly string[]) {
    this.policies = policies;
    for (const action of actions) this.#byTool.set(action, new Map());
    for (const policy of policies) this.#add(policy, policy.actions ?? actions);
  }

  #add(policy: CompiledPolicy, actions: readonly string[]): void {
    for (const action of actions) {
      const tools = this.#byTool.get(action);
      const list = tools?.get(policy.tool ?? ANY);
      if (list) list.push(policy);
      else tools?.set(policy.tool ?? ANY, [policy]);
    }
  }

  /** Those that may have a say, by what they name: put together once for each tool. */
  about(action: string, tool: string): readonly CompiledPolicy[] {
    const tools = this.#byTool.get(action);
    const own = tools?.get(tool);
    if (!tools || !own) return tools?.get(ANY) ?? NONE;
    let both = this.#together.get(own);
    if (!both) this.#together.set(own, (both = [...(tools.get(ANY) ?? NONE), ...own]));
    return both;
  }

  /**
   * Cedar's rule, and one more: a forbid that cannot be evaluated forbids. Cedar passes it over, which would let an
   * overflow open what was closed. A permit that cannot be evaluated permits nothing, as in Cedar.
   */
  decide(scope: Scope): Verdict {
    const permits: CompiledPolicy[] = [];
    const forbids: CompiledPolicy[] = [];
    const failed: { policy: CompiledPolicy; why: string }[] = [];
    for (const policy of this.about(scope.action.id, scope.resource.id)) {
      try {
        if (policy.satisfied(scope)) (policy.effect === 'permit' ? permits : forbids).push(policy);
      } catch (error) {
        if (!(error instanceof EvaluationError || error instanceof RangeError)) throw error;
        failed.push({ policy, why: error.message });
        if (policy.effect === 'forbid') forbids.push(policy);
      }
    }
    if (forbids.length > 0) return { effect: 'deny', determining: forbids, failed };
    return { effect: permits.length > 0 ? 'permit' : 'deny', determining: permits, failed };
  }
}
