// A tool: a catalogue entry with one audience, one plane and one way to mint.
import { HOUR_MS } from './duration.js';
import type { AwsStsCredential } from './aws-sts.js';
import type { PostgresCredential } from './postgres.js';

export const PLANES = ['tool', 'data', 'cloud'] as const;
export type Plane = (typeof PLANES)[number];

export const SENSITIVITIES = ['public', 'internal', 'confidential', 'restricted'] as const;
export type Sensitivity = (typeof SENSITIVITIES)[number];

/** Kinds of credential; later kinds join here and in `minters/`. */
export type ToolCredential = { readonly kind: 'jwt' } | PostgresCredential | AwsStsCredential;
export type CredentialKind = ToolCredential['kind'];

/** No credential lives longer, whatever is configured: how long an outgoing signing key must stay known. */
export const MAX_TTL_MS = 12 * HOUR_MS;

export interface Tool {
  readonly name: string;
  readonly plane: Plane;
  /** The URI that the tool's credentials are for; unique in the catalogue (invariant 3). */
  readonly audience: string;
  readonly actions: readonly string[];
  readonly sensitivity: Sensitivity;
  readonly maxTtlMs: number;
  /** Whether a live lease of this tool may be renewed. */
  readonly renewable: boolean;
  /** Given out only to who proves a key, and bound to it (RFC 9449). */
  readonly requireDpop?: true;
  /** How it is made. */
  readonly credential: ToolCredential;
}

export class Catalogue {
  readonly #byName: ReadonlyMap<string, Tool>;
  readonly #byAudience: ReadonlyMap<string, Tool>;

  constructor(tools: readonly Tool[]) {
    this.#byName = new Map(tools.map((tool) => [tool.name, tool]));
    this.#byAudience = new Map(tools.map((tool) => [tool.audience, tool]));
  }

  byName(name: string): Tool | undefined {
    return this.#byName.get(name);
  }

  byAudience(audience: string): Tool | undefined {
    return this.#byAudience.get(audience);
  }

  all(): Tool[] {
    return [...this.#byName.values()];
  }
}
