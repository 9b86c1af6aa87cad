// `mayfly/verifier`: credentials checked where they are shown, without a call to the broker. docs/verifier.md tells how to use it.
export { Verifier } from './verifier.js';
export { CredentialRefused } from './refused.js';
export { permits } from './permits.js';
export { type ReceiptTerms, verifyReceipt } from './receipt.js';
export { credentialOf, guard, protect, refusalResponse, withCredential } from './middleware/index.js';
export type { CredentialRefusedCode } from './refused.js';
export type { VerifiedCredential } from './credential.js';
export type { ProtectedTool, ShownRequest, VerifierOptions, Want } from './options.js';
export type { VerifierEvent, VerifierEventKind } from './events.js';
export type { VerifierStatus } from './status.js';
export type { Watch } from './watches.js';
export type { FetchHandler, NodeHandler, NodeMiddleware, WantOf } from './middleware/index.js';
export { MayflyError } from '../client/errors.js';
export type { MayflyErrorCode } from '../client/errors.js';
export type { TokenSource } from '../client/token-source.js';
