// The one schema of the configuration file.
import { z } from 'zod';
import { httpSchema, metricsSchema, operationsSchema, trustedProxiesSchema } from './http-schema.js';
import { dpopSchema } from './dpop-schema.js';
import { feedSchema } from './feed-schema.js';
import { killsSchema } from './kills-schema.js';
import { reconciliationSchema } from './reconciliation-schema.js';
import { limitsSchema } from './limits-schema.js';
import { storeSchema } from './store-schema.js';
import { tlsSchema } from './tls-schema.js';
import { toolName, toolSchema } from './tool-schema.js';
import { trustSchema } from './trust/schema.js';
import { brokerUrl, duration, listenAddress, text } from './values.js';

const keys = z.strictObject({
  algorithm: z
    .enum(['ES256', 'Ed25519', 'RS256'])
    .prefault('ES256')
    .describe('what credentials, feed, receipts and audit are signed with'),
  rotate_every: duration('1m', '3650d').prefault('30d').describe('how long a signing key signs'),
  publish_ahead: duration('0s', '7d')
    .prefault('10m')
    .describe('how long a new key is published before it signs'),
  clock_skew: duration('0s', '5m').prefault('60s').describe("how far verifiers' clocks may be off"),
});

export const configurationShape = {
  issuer: brokerUrl.describe('the external URL of this broker, such as https://broker.example'),
  listen: listenAddress.describe('where to listen, such as 127.0.0.1:8420'),
  tls: tlsSchema.optional().describe('the certificate to listen with; plain http when absent'),
  trusted_proxies: trustedProxiesSchema.describe(
    'whose X-Forwarded-For is believed, such as [10.0.0.0/8]: the proxies in front of us, and nobody else',
  ),
  operations: operationsSchema
    .optional()
    .describe('every route once more, at a socket of its own: kills that come there wait behind no flood'),
  metrics: metricsSchema.optional().describe('a listener of their own for /metrics, /healthz and /readyz'),
  store: storeSchema.describe(
    'where state is kept, such as { kind: embedded, path: ./data/mayfly.db } or { kind: redis, url: redis://127.0.0.1:6379/0 }',
  ),
  trust: z.array(trustSchema).prefault([]).describe('whose tokens are believed'),
  tools: z
    .record(toolName, toolSchema)
    .refine((tools) => Object.keys(tools).length > 0, 'must name at least one tool')
    .describe('the catalogue: what agents may be given credentials for'),
  tasks: z
    .strictObject({
      max_ttl: duration('1s', '30d')
        .prefault('24h')
        .describe('the longest that a task may last, extensions included'),
    })
    .prefault({})
    .describe('bounds of a task'),
  task_retention: duration('1m', '3650d')
    .prefault('30d')
    .describe('how long the ids of closed tasks stay reserved; above every TTL'),
  lease_retention: duration('1s', '3650d')
    .optional()
    .describe('how long ended leases are kept: 1d when absent, 1h in Redis'),
  audit_retention: duration('1s', '36500d')
    .optional()
    .describe('how long audit events are kept: 90d when absent, 7d in Redis'),
  keys: keys.prefault({}).describe('signing keys'),
  feed: feedSchema.prefault({}).describe('how verifiers are told of kills'),
  kills: killsSchema.prefault({}).describe('how credentials are killed at their targets'),
  reconciliation: reconciliationSchema
    .prefault({})
    .describe('how targets are compared with what is on record'),
  dpop: dpopSchema.prefault({}).describe('how proofs of keys are taken (RFC 9449)'),
  status_list: z
    .strictObject({
      ttl: duration('10s', '1d')
        .prefault('60s')
        .describe('how long after a kill a status list may still say that the credential is valid'),
    })
    .optional()
    .describe('status lists (Token Status List), for verifiers that know nothing of us; none when absent'),
  limits: limitsSchema.prefault({}).describe('how much anybody may ask for'),
  http: httpSchema.prefault({}).describe('limits of the HTTP server'),
  log_level: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
    .prefault('info')
    .describe('how much is logged'),
  policies: text().optional().describe('a folder of Cedar policies, or one file'),
};

export const configurationSchema = z
  .strictObject(configurationShape)
  .describe('Configuration of a Mayfly broker');

/** The file as it reads, before paths and names in it are resolved. */
export type Configuration = z.output<typeof configurationSchema>;
