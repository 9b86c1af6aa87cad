// The schemas of the contract by name: the very ones that requests are checked by, and that answers are typed by.
import { z } from 'zod';
import { awsCredentialsView, awsError } from '../../wire/aws.js';
import { auditEventView, auditList } from '../../wire/audit.js';
import { acknowledged, acknowledgement, feedSnapshot, feedStream, verifierList } from '../../wire/feed.js';
import { oauthError, problem } from '../../wire/common.js';
import { exchangeForm, introspectForm, revokeForm } from '../../wire/forms.js';
import { introspection } from '../../wire/introspection.js';
import { forceLeaseBody, leaseList, leaseView, renewBody } from '../../wire/leases.js';
import {
  awsMetadata,
  health,
  jwks,
  metadata,
  notReady,
  ready,
  statusListAggregation,
  statusListToken,
} from '../../wire/published.js';
import { reconcileBody, reconciliationView } from '../../wire/reconciliation.js';
import { recoverBody, recoveryPreview, recoveryView } from '../../wire/recovery.js';
import {
  quarantineList,
  quarantineView,
  revocationView,
  revokeBody,
  selector,
} from '../../wire/revocations.js';
import {
  completeTaskBody,
  extendTaskBody,
  openTaskBody,
  signalBody,
  signalView,
  taskList,
  taskView,
} from '../../wire/tasks.js';
import { tokenResponse } from '../../wire/token-response.js';
import { credentialsBody, credentialsView } from '../../wire/credentials.js';
import { receiptClaims, receiptToken } from '../../wire/receipt.js';
import { toolCallsBody, toolCallsView } from '../../wire/tool-calls.js';
import { toolList, toolView } from '../../wire/tools.js';

export const SCHEMAS = {
  Problem: problem,
  OAuthError: oauthError,
  TokenRequest: exchangeForm,
  TokenResponse: tokenResponse,
  IntrospectionRequest: introspectForm,
  Introspection: introspection,
  RevocationRequest: revokeForm,
  NewTask: openTaskBody,
  Task: taskView,
  TaskList: taskList,
  TaskCompletion: completeTaskBody,
  TaskExtension: extendTaskBody,
  NewSignal: signalBody,
  Signal: signalView,
  Tool: toolView,
  ToolList: toolList,
  Lease: leaseView,
  LeaseList: leaseList,
  Renewal: renewBody,
  ForcedEnd: forceLeaseBody,
  Selector: selector,
  NewRevocation: revokeBody,
  Revocation: revocationView,
  NewRecovery: recoverBody,
  Recovery: recoveryView,
  RecoveryPreview: recoveryPreview,
  RecoveryAnswer: z.union([recoveryView, recoveryPreview]),
  NewReconciliation: reconcileBody,
  Reconciliation: reconciliationView,
  Quarantine: quarantineView,
  QuarantineList: quarantineList,
  FeedSnapshot: feedSnapshot,
  FeedStream: feedStream,
  FeedAcknowledgement: acknowledgement,
  FeedAcknowledged: acknowledged,
  VerifierList: verifierList,
  NewToolCalls: toolCallsBody,
  ToolCalls: toolCallsView,
  AuditEvent: auditEventView,
  AuditList: auditList,
  Metadata: metadata,
  Jwks: jwks,
  CredentialsAsked: credentialsBody,
  Credentials: credentialsView,
  AwsCredentials: awsCredentialsView,
  AwsError: awsError,
  AwsMetadata: awsMetadata,
  ReceiptToken: receiptToken,
  Receipt: receiptClaims,
  StatusListToken: statusListToken,
  StatusListAggregation: statusListAggregation,
  Health: health,
  Ready: ready,
  NotReady: notReady,
  Metrics: z.string().describe('The text format of Prometheus.'),
  OpenApi: z
    .object({ openapi: z.literal('3.1.1') })
    .catchall(z.unknown())
    .describe('This document.'),
} as const;
export type SchemaName = keyof typeof SCHEMAS;

export type JsonSchema = Record<string, unknown>;

const place = (name: string): string => `#/components/schemas/${name}`;

/** zod 4 writes JSON Schema 2020-12 by itself, which is what OpenAPI 3.1 takes: nothing else is needed for that. */
export function componentSchemas(): Record<string, JsonSchema> {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(SCHEMAS)) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, { ...CONVERSION, uri: place });
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, plain(schema)]));
}

export const schemaOf = (schema: z.ZodType): JsonSchema => plain(z.toJSONSchema(schema, CONVERSION));

export const referenceTo = (name: SchemaName): JsonSchema => ({ $ref: place(name) });

/** What may be sent, and, of an answer, what may be relied on: later members are not ruled out. */
const CONVERSION = {
  io: 'input',
  override: ({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }): void => {
    // What is readonly to our compiler is not what OpenAPI means by it.
    delete jsonSchema.readOnly;
    // Nobody reads a date-time as the pattern of all its leap years.
    if (jsonSchema.format === 'date-time') delete jsonSchema.pattern;
    // Names are texts anyway.
    if (JSON.stringify(jsonSchema.propertyNames) === '{"type":"string"}') delete jsonSchema.propertyNames;
    if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  },
} as const;

function plain({ $schema: _schema, $id: _id, ...schema }: JsonSchema): JsonSchema {
  return schema;
}
