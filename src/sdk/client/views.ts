// What goes to a broker and comes from it, by the contract's own types.
export type { AuditEventView, AuditList } from '../../wire/audit.js';
export type { AwsCredentialsView } from '../../wire/aws.js';
export type { Acknowledged, Acknowledgement, FeedSnapshot, VerifierList } from '../../wire/feed.js';
export type { ForceLeaseRequest, LeaseList, LeaseView } from '../../wire/leases.js';
export type { CredentialsRequest, CredentialsView, NotIssued } from '../../wire/credentials.js';
export type { ReceiptClaims, ReceiptCredential } from '../../wire/receipt.js';
export type { ReconcileRequest, ReconciliationView } from '../../wire/reconciliation.js';
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
