// How credentials of kind postgres are made, as the file writes it.
import { z } from 'zod';
import { readTemplate } from '../../domain/statement-template.js';
import { neverHere, serverName, variableName } from '../members.js';
import { listOf, text } from '../values.js';

const HOST_WANTED = 'must be a host name or an address, such as db.example';
const hostName = z
  .string(HOST_WANTED)
  .regex(/^(?:[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)$/, HOST_WANTED);

const PORT_WANTED = 'must be a port from 1 to 65535';
const LIMIT_WANTED = 'must be a whole number from 1 to 1000';

const OWNS_WANTED = 'must be drop, or a mapping such as { reassign_to: left_behind }';

/** PostgreSQL cuts longer names off: what is left may be somebody else's. */
const databaseName = z.string().regex(/^[\x20-\x7e]{1,63}$/, 'must be 1 to 63 visible ASCII characters');

const statement = z.string().superRefine((written, context) => {
  const read = readTemplate(written);
  if ('flaw' in read) context.addIssue({ code: 'custom', message: read.flaw });
});

const tlsShape = {
  ca_file: text()
    .optional()
    .describe("the authorities that vouch for the server, PEM; Node's own when absent"),
  server_name: serverName
    .optional()
    .describe('the name that its certificate is held to; the host when absent'),
};

export const postgresMembers = {
  host: hostName.describe('where PostgreSQL is, such as db.example'),
  port: z.int(PORT_WANTED).min(1, PORT_WANTED).max(65_535, PORT_WANTED).prefault(5432).describe('its port'),
  database: databaseName.describe('the database that credentials are for'),
  user: databaseName.describe("the broker's own role there, which makes and drops those of the leases"),
  password: neverHere('password'),
  password_file: text().optional().describe("a file with that role's password and nothing else"),
  password_env: variableName.optional().describe("the environment variable that holds that role's password"),
  tls: z
    .union(
      [z.boolean(), z.strictObject(tlsShape)],
      'must be false, or a mapping such as { ca_file: ./db-ca.pem }',
    )
    .prefault(true)
    .describe('how the server proves who it is, such as { ca_file: ./db-ca.pem }; false is plain text'),
  dangerously_without_tls: z
    .boolean()
    .prefault(false)
    .describe('with tls: false, go on although others on the way read and change what is said'),
  connection_limit: z
    .int(LIMIT_WANTED)
    .min(1, LIMIT_WANTED)
    .max(1000, LIMIT_WANTED)
    .prefault(4)
    .describe('how many connections one credential may have at a time'),
  actions: z
    .record(
      z.string(),
      z.strictObject({
        grant: listOf(statement, 'must have at least one statement').describe(
          'the statements that grant it, such as ["GRANT SELECT ON accounts TO {{role}}"]',
        ),
      }),
    )
    .describe('what grants each of the actions of the tool'),
  owns: z
    .union(
      [
        z.literal('drop', OWNS_WANTED),
        z.strictObject({ reassign_to: databaseName.describe('a role that can do nothing') }),
      ],
      OWNS_WANTED,
    )
    .prefault('drop')
    .describe(
      'what becomes of what a credential has created: drop, or { reassign_to: a role that can do nothing }',
    ),
  databases: listOf(databaseName)
    .optional()
    .describe('the other databases where that is looked after; when absent, wherever there is something'),
};
