// The token endpoint on the wire (RFC 8693), with what Mayfly adds.
import type { RevocationClass } from '../domain/lease.js';

export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';

export const TOKEN_TYPE = {
  accessToken: 'urn:ietf:params:oauth:token-type:access_token',
  idToken: 'urn:ietf:params:oauth:token-type:id_token',
  jwt: 'urn:ietf:params:oauth:token-type:jwt',
} as const;

/** Parameters that RFC 8693 and Mayfly define; others are ignored (RFC 6749 §3.2). */
export const TOKEN_PARAMETERS = [
  'grant_type',
  'subject_token',
  'subject_token_type',
  'actor_token',
  'actor_token_type',
  'task_id',
  'audience',
  'resource',
  'scope',
  'authorization_details',
  'requested_token_type',
  'requested_expiry',
] as const;
export type TokenParameters = Partial<Record<(typeof TOKEN_PARAMETERS)[number], string>>;

export interface TokenResponse {
  access_token: string;
  issued_token_type: string;
  token_type: 'Bearer' | 'DPoP' | 'N_A';
  expires_in: number;
  scope: string;
  authorization_details?: readonly object[];
  lease_id: string;
  task_id: string;
  /** When revoking takes effect where the credential is honoured. */
  revocation: RevocationClass;
}
