// Mints PostgreSQL logins: a role for each lease, dropped when the lease ends.
import type { Clock } from '../../domain/clock.js';
import type { Grant } from '../../domain/grant.js';
import type { LeaseId } from '../../domain/ids.js';
import type { ReservedLease } from '../../domain/lease.js';
import { Refusal } from '../../domain/refusal.js';
import { Secret } from '../../domain/secret.js';
import type { Catalogue } from '../../domain/tool.js';
import type { ExternalMinter, Killable, Minted } from '../minter.js';
import { PATIENCE, type Patience } from './connections.js';
import { dropRole } from './kill.js';
import { mintDeadlineMs, mintRole } from './mint.js';
import { leaseOf, listRoles, roleOf, toolIn } from './role.js';
import { statementsOf } from './statements.js';
import { Targets } from './targets.js';

const TOKEN_TYPE = 'urn:mayfly:token-type:postgres';

export interface PostgresMinterOptions {
  readonly issuer: string;
  readonly catalogue: Catalogue;
  readonly clock: Clock;
  readonly patience?: Patience;
}

/** What is handed out, as JSON: all that a client needs to log in. */
export interface PostgresLogin {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  /** As libpq names them. */
  readonly sslmode: 'verify-full' | 'disable';
  /** RFC 3339. */
  readonly expires_at: string;
}

export class PostgresMinter implements ExternalMinter {
  readonly kind = 'postgres';
  readonly external = true;
  readonly class = 'immediate';
  readonly needsSecretToRevoke = false;
  readonly listable = true;
  readonly mintDeadlineMs: number;
  readonly #issuer: string;
  readonly #clock: Clock;
  readonly #targets: Targets;

  constructor({ issuer, catalogue, clock, patience = PATIENCE }: PostgresMinterOptions) {
    this.mintDeadlineMs = mintDeadlineMs(patience);
    this.#targets = new Targets(patience);
    this.#issuer = issuer;
    this.#clock = clock;
    this.apply(catalogue);
  }

  /** The catalogue in force from now on. What was minted by an earlier one is still killed where it was made. */
  apply(catalogue: Catalogue): void {
    this.#targets.apply(catalogue, this.#clock.now());
  }

  refuses(grant: Grant): Refusal | undefined {
    const statements = statementsOf(grant, 'nobody');
    return statements instanceof Refusal ? statements : undefined;
  }

  /** @throws PostgresFailure (`ERR_POSTGRES`); Error where it would not be what the lease says */
  async mint(lease: ReservedLease, grant: Grant): Promise<Minted> {
    const { credential } = grant.tool;
    if (credential.kind !== 'postgres' || grant.tool.name !== lease.tool)
      throw new Error(`${lease.id} is not for ${grant.tool.name} of kind ${credential.kind}`);
    const user = roleOf(lease.id);
    const statements = statementsOf(grant, user);
    if (statements instanceof Refusal) throw new Error(statements.detail);
    const { connections } = this.#targets.of(credential);
    const password = await mintRole(connections, lease, { issuer: this.#issuer, credential, statements });
    const login: PostgresLogin = {
      host: credential.host,
      port: credential.port,
      database: credential.database,
      user,
      password,
      sslmode: credential.tls ? 'verify-full' : 'disable',
      expires_at: new Date(lease.expiresAt).toISOString(),
    };
    return {
      secret: new Secret(JSON.stringify(login)),
      issuedTokenType: TOKEN_TYPE,
      tokenType: 'N_A',
    };
  }

  /** @throws PostgresFailure (`ERR_POSTGRES`); Error where the tool is in the catalogue no more */
  async revoke(lease: Killable): Promise<void> {
    const targets = this.#targets.ofLease(lease);
    if (targets.length === 0)
      throw new Error(
        `where ${lease.id} was made is not known: ${lease.tool} is no tool of kind postgres any more`,
      );
    await Promise.all(
      targets.map(({ connections, credential }) => dropRole(connections, credential, lease.id)),
    );
  }

  /** Roles of other brokers on the same server are theirs: the comment on each says whose it is, and of which tool. */
  async *list(tool: string): AsyncIterable<LeaseId> {
    const now = this.#clock.now();
    const targets = this.#targets.living(tool, now);
    if (targets.length === 0) throw new Error(`${tool} is no tool of kind postgres`);
    const others = new Set(this.#targets.tools(now).filter((other) => other !== tool));
    for (const { connections } of targets) {
      const first = listRoles(this.#issuer);
      const [roles = []] = await connections.session({ purpose: 'kill', first }, (_session, rows) =>
        Promise.resolve(rows),
      );
      for (const { name, comment } of roles) {
        const id = leaseOf(String(name));
        const named = toolIn(String(comment));
        // What tools had that are forgotten, nobody else would ever find.
        if (id !== undefined && !(named !== undefined && others.has(named))) yield id;
      }
    }
  }

  formerTools(): readonly string[] {
    const tools = this.#targets.tools(this.#clock.now());
    return tools.filter((tool) => this.#targets.current(tool).length === 0);
  }

  /** Ends the connections, once what is under way is done. */
  async close(): Promise<void> {
    await this.#targets.close();
  }
}
