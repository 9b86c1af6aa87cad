// Policies as text, made ready to decide, for tests that judge them.
import { Catalogue, type Tool } from '../../../src/domain/tool.js';
import { type LoadedPolicies, loadPolicies } from '../../../src/policy/cedar/load.js';

const tool = (name: string, facts: Partial<Tool>): Tool => ({
  name,
  plane: 'tool',
  audience: `https://${name}.example`,
  actions: ['read'],
  sensitivity: 'internal',
  maxTtlMs: 300_000,
  renewable: true,
  credential: { kind: 'jwt' },
  ...facts,
});

export const CATALOGUE = new Catalogue([
  tool('crm', { plane: 'data', actions: ['read', 'write'], sensitivity: 'confidential' }),
  tool('search', { actions: ['query'], sensitivity: 'public' }),
]);

/** @throws with every mistake */
export async function policiesOf(text: string): Promise<LoadedPolicies> {
  const loaded = await loadPolicies([{ name: 'p.cedar', text }]);
  if ('set' in loaded) return loaded;
  throw new Error(loaded.mistakes.map(({ line, message }) => `${line}: ${message}`).join('\n'));
}
