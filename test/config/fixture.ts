// A good configuration as text, for tests that make one thing in it wrong.
import { ConfigurationError } from '../../src/config/mistakes.js';
import { settingsFrom } from '../../src/config/load.js';
import type { LoadOptions } from '../../src/config/load-options.js';

export const GOOD = `issuer: https://broker.example
listen: 127.0.0.1:8420
store: { kind: embedded, path: ./mayfly.db }
trust:
  - name: cluster
    kind: oidc
    issuer: https://oidc.example
    audience: mayfly
    algorithms: [ES256]
    roles:
      agent: { sub: "agent-*" }
      verifier: { sub: crm-api, tools: [crm] }
tools:
  crm:
    plane: data
    audience: https://crm.example
    actions: [read, write]
    credential: { kind: jwt }
`;

/** The good text with one part of it written differently; the part must be there. */
export function changed(from: string, to: string): string {
  if (!GOOD.includes(from)) throw new Error(`the good configuration has no ${from}`);
  return GOOD.replace(from, () => to);
}

/** Every mistake of the text as `line:column path: message`. */
export async function mistakesOf(text: string, options?: LoadOptions): Promise<string[]> {
  try {
    await settingsFrom(text, '/nowhere/mayfly.yaml', options);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.mistakes.map(({ line, column, path, message }) => `${line}:${column} ${path}: ${message}`);
  }
}
