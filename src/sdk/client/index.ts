// `mayfly/client`: a Mayfly broker from a program, over fetch alone. docs/client.md tells how to use it.
export { MayflyClient } from './client.js';
export { MayflyError } from './errors.js';
export { DpopKey, newDpopJwk } from './dpop.js';
export type { DpopJwk, DpopProver, ProofFor } from './dpop.js';
export { dpopFetch } from './dpop-fetch.js';
export type { BoundCredential } from './dpop-fetch.js';
export type { MayflyErrorCode, MayflyErrorFacts } from './errors.js';
export type { AnswerFacts, CallOptions, ClientOptions } from './channel.js';
export type { TokenSource } from './token-source.js';
export type { AuditFilter, ExchangeRequest, LeaseFilter, TaskFilter } from './asked.js';
export type { Introspection, KeySet, Readiness, ServerMetadata } from './answers.js';
export type { AuditEventView, AuditList } from '../../wire/audit.js';
export type { LeaseList, LeaseView } from '../../wire/leases.js';
export type { RecoverBody, RecoveryPreview, RecoveryView } from '../../wire/recovery.js';
export type { QuarantineView, RevocationView, RevokeRequest, SelectorView } from '../../wire/revocations.js';
export type {
  CompleteTaskRequest,
  ExtendTaskRequest,
  OpenTaskRequest,
  SignalRequest,
  SignalView,
  TaskList,
  TaskView,
} from '../../wire/tasks.js';
export type { TokenResponse } from '../../wire/token.js';
export type { ToolCallsRequest, ToolCallsView } from '../../wire/tool-calls.js';
export type { ToolView } from '../../wire/tools.js';
