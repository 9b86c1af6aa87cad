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
export type * from './views.js';
