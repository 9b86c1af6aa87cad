// Whose call it is that a tool is at: the verified credential, never the token.
import type { VerifiedCredential } from '../verifier/index.js';
import type { AuthInfo } from './exchange.js';

/** What the server package hands to each tool beside its arguments. */
export interface CallContext {
  readonly http?: { readonly authInfo?: AuthInfo } | undefined;
}

/**
 * The credential that the call was let through with: its task, its agent, its claims.
 *
 * @throws Error where the server is not behind `protectMcp`: nobody is no caller
 */
export function credentialOf({ http }: CallContext): VerifiedCredential {
  const credential = http?.authInfo?.extra?.['credential'];
  if (credential === undefined) throw new Error('this call did not come through protectMcp');
  return credential as VerifiedCredential;
}
