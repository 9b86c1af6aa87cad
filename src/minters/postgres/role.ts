// The role of a lease: its name, what it may be, and whose it is.
import type { LeaseId } from '../../domain/ids.js';
import { isLeaseId } from '../../domain/ids.js';
import type { Lease } from '../../domain/lease.js';
import type { PostgresCredential } from '../../domain/postgres.js';
import { quoteIdentifier, quoteLiteral } from '../../domain/statement-template.js';
import type { Rows } from './connections.js';

const PREFIX = 'mayfly_';

export const roleOf = (id: LeaseId): string => `${PREFIX}${id}`;

/** Of whatever begins as our names do; undefined where that is not a lease's. */
export function leaseOf(role: string): LeaseId | undefined {
  const id = role.slice(PREFIX.length);
  return role.startsWith(PREFIX) && isLeaseId(id) ? id : undefined;
}

/** Begins the comment on every role of a broker. Brokers of other issuers may use the same server. */
const ownerMark = (issuer: string): string => `Mayfly ${issuer}: `;

export const listRoles = (
  issuer: string,
): string => `SELECT rolname AS name, shobj_description(oid, 'pg_authid') AS comment FROM pg_roles
  WHERE starts_with(rolname, ${quoteLiteral(PREFIX)})
    AND starts_with(shobj_description(oid, 'pg_authid'), ${quoteLiteral(ownerMark(issuer))})`;

/** The tool that a comment of ours names; undefined where it names none. */
export const toolIn = (comment: string): string | undefined => / of (\S+), until /.exec(comment)?.[1];

export interface RoleTerms {
  readonly verifier: string;
  readonly connectionLimit: number;
}

export function createRole(lease: Lease, { verifier, connectionLimit }: RoleTerms): string {
  const role = quoteIdentifier(roleOf(lease.id));
  return `CREATE ROLE ${role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
      CONNECTION LIMIT ${connectionLimit} PASSWORD ${quoteLiteral(verifier)} VALID UNTIL ${quoteLiteral(isoOf(lease.expiresAt))}`;
}

/** Whose it is. After the grants: one of them may be a comment, which an agent has a say in. */
export function markRole({ id, tool, expiresAt }: Lease, issuer: string): string {
  const comment = `${ownerMark(issuer)}${id} of ${tool}, until ${isoOf(expiresAt)}`;
  return `COMMENT ON ROLE ${quoteIdentifier(roleOf(id))} IS ${quoteLiteral(comment)}`;
}

const isoOf = (ms: number): string => new Date(ms).toISOString();

/** PostgreSQL's own roles that open the machine, or end the sessions of others: ours among them. */
const BEYOND_DATA = ['read_server_files', 'write_server_files', 'execute_server_program', 'signal_backend']
  .map((name) => quoteLiteral(`pg_${name}`))
  .join(', ');

/** What it came out as, and the first role that it could become and must not. */
export const readRole = (id: LeaseId): string => `
  SELECT r.rolcanlogin AND NOT (r.rolsuper OR r.rolcreatedb OR r.rolcreaterole OR r.rolreplication OR r.rolbypassrls)
      AS plain,
    r.rolconnlimit AS connections, extract(epoch FROM r.rolvaliduntil) * 1000 AS until,
    (SELECT max(p.rolname) FROM pg_roles p
      WHERE p.oid <> r.oid AND pg_has_role(r.oid, p.oid, 'member')
        AND (p.rolname = current_user OR p.rolsuper OR p.rolcreatedb OR p.rolcreaterole OR p.rolreplication
          OR p.rolbypassrls OR p.rolname IN (${BEYOND_DATA}))) AS powerful
  FROM pg_roles r WHERE r.rolname = ${quoteLiteral(roleOf(id))}`;

/** The grants of a tool are the operator's to write: a slip there ends here, and not with an agent that has it all. */
export function checkRole(lease: Lease, { connectionLimit }: PostgresCredential, [row = {}]: Rows): void {
  const { plain, connections, until, powerful } = row;
  const wrong =
    (plain !== true && 'has attributes that it must not have') ||
    (connections !== connectionLimit && 'has another connection limit') ||
    (Number(until) !== lease.expiresAt && 'is valid until another time') ||
    (powerful !== null && `could become ${JSON.stringify(powerful)}, which is more than a grant`);
  if (wrong) throw new Error(`the role of ${lease.id} ${wrong}`);
}

/** Whether what a lease leaves can be handed to a role: whoever may log in as it, or use it, would have all of that. */
export const readHeir = (name: string): string => `
  SELECT rolcanlogin OR rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls
    OR EXISTS (SELECT 1 FROM pg_auth_members m WHERE m.member = r.oid) AS powerful
  FROM pg_roles r WHERE rolname = ${quoteLiteral(name)}`;

export function checkHeir(name: string, [row]: Rows): void {
  const wrong =
    (!row && 'is not there') ||
    (row?.['powerful'] !== false && 'can log in, has attributes or is a member of something');
  if (wrong) throw new Error(`reassign_to ${name}: the role ${wrong}; it must be one that can do nothing`);
}
