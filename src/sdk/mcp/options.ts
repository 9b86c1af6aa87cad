// What an MCP server is protected by: its verifier, its entry in the broker's catalogue, and what each of its tools is there.
import type { Verifier } from '../verifier/index.js';
import type { Rule, Rules } from './rules.js';

export interface McpProtection {
  /** Follows the feed; its `tools` have the server's entry, with the address that clients come by as the audience. */
  readonly verifier: Verifier;
  /** The server's name in the broker's catalogue: a whole MCP server is one tool there. */
  readonly tool: string;
  /**
   * The MCP tools that there are, each the action of its own name (`['search', 'add']`), or the action of each
   * (`{ search: 'read', add: { action: 'write', resource: ({ id }) => `notes/${id}` } }`). What is not named is forbidden.
   */
  readonly tools: Rules;
  /** The same for other methods, such as `resources/read` and `prompts/get`, which are forbidden otherwise. */
  readonly methods?: Readonly<Record<string, Rule>>;
  /** Where clients find it, where that is not its audience. */
  readonly url?: string;
  /** `required`: only credentials that are bound to a key. A bound one is never taken without its proof. */
  readonly dpop?: 'accepted' | 'required';
  /** Of a message: 4 MiB. */
  readonly mostBytes?: number;
  /** At one time: 10,000. */
  readonly mostSessions?: number;
  /** What the metadata says for people (RFC 9728 §2). */
  readonly name?: string;
  readonly documentation?: string;
}
