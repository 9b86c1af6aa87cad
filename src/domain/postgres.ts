// How a tool's credentials are made in a PostgreSQL database.
import type { Secret } from './secret.js';

export interface PostgresCredential {
  readonly kind: 'postgres';
  readonly host: string;
  readonly port: number;
  readonly database: string;
  /** The broker's own role, which makes and drops those of the leases. */
  readonly user: string;
  readonly password: Secret;
  /** Absent: plain text. Else the server's certificate is held to its name. */
  readonly tls?: {
    /** The authorities that vouch for the server, PEM; Node's own when absent. */
    readonly ca?: string;
    /** The name that the certificate is held to; the host when absent. */
    readonly serverName?: string;
  };
  /** Of each lease's role. */
  readonly connectionLimit: number;
  /** The statements that grant an action, as templates (statement-template.ts). */
  readonly grants: Readonly<Record<string, readonly string[]>>;
  /** Who gets what a lease's role owns in the end; absent: it is dropped. */
  readonly reassignTo?: string;
  /** The other databases where that is looked after; absent: wherever there is something. */
  readonly databases?: readonly string[];
}
