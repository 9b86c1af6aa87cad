// Decides by the catalogue alone: a tool and its actions may be asked for if they are in it. The manifest narrows further.
import type { Catalogue } from '../domain/tool.js';
import type { Decision, DecisionInput, Policy } from './policy.js';

export function cataloguePolicy(catalogue: Catalogue, policyDigest: string): Policy {
  const offers = (tool: string, actions: readonly string[]): boolean => {
    const offered = catalogue.byName(tool);
    return offered !== undefined && actions.every((action) => offered.actions.includes(action));
  };
  const permit: Decision = { effect: 'permit', policyDigest, determining: ['catalogue'] };
  const deny = (tool: string): Decision => ({
    effect: 'deny',
    policyDigest,
    determining: [`catalogue: no such ${tool}`],
  });

  return {
    contextual: false,
    decide(input: DecisionInput): Decision {
      if (input.action === 'open_task') {
        const missing = input.manifest.tools.find(({ tool, actions }) => !offers(tool, actions));
        return missing ? deny(missing.tool) : permit;
      }
      return offers(input.tool.name, input.actions) ? permit : deny(input.tool.name);
    },
    factsOf: () => '',
  };
}
