// Decides by the catalogue alone: a tool and its actions may be asked for if they are in it. The manifest narrows further.
import type { Catalogue } from '../domain/tool.js';
import type { Decision, DecisionInput, Policy } from './policy.js';

export function cataloguePolicy(catalogue: Catalogue, policyDigest: string): Policy {
  const decision = (effect: Decision['effect'], determining: string): Decision => ({
    effect,
    policyDigest,
    determining: [determining],
  });

  const offers = (tool: string, actions: readonly string[]): boolean => {
    const offered = catalogue.byName(tool);
    return offered !== undefined && actions.every((action) => offered.actions.includes(action));
  };

  return {
    decide(input: DecisionInput): Decision {
      if (input.action === 'open_task') {
        const missing = input.task.manifest.tools.find(({ tool, actions }) => !offers(tool, actions));
        return missing
          ? decision('deny', `catalogue: no such ${missing.tool}`)
          : decision('permit', 'catalogue');
      }
      return offers(input.tool.name, input.actions)
        ? decision('permit', 'catalogue')
        : decision('deny', `catalogue: no such ${input.tool.name}`);
    },
  };
}
