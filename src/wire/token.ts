// The token endpoint on the wire (RFC 8693), with what Mayfly adds.
// No schema stands here: whoever asks for a credential needs these names, and is not to load zod for them.

export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';

export const TOKEN_TYPE = {
  accessToken: 'urn:ietf:params:oauth:token-type:access_token',
  idToken: 'urn:ietf:params:oauth:token-type:id_token',
  jwt: 'urn:ietf:params:oauth:token-type:jwt',
} as const;

/** Parameters that RFC 8693 and Mayfly define. */
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

/** A form, read by those names alone: others are ignored (RFC 6749 §3.2). */
export interface TokenParameters {
  get(name: (typeof TOKEN_PARAMETERS)[number]): string | undefined;
}

export type { TokenResponse } from './token-response.js';
