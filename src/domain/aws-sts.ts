// How a tool's credentials are made at AWS, or whatever speaks its STS and IAM.
import type { Secret } from './secret.js';
import type { SessionTemplate } from './session-template.js';

export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret;
  readonly sessionToken?: Secret;
}

export interface WebIdentityTerms {
  /** `aud` of what the broker shows to STS. */
  readonly audience: string;
}

/** Apart from the broker's own: what says that it is of the one is never taken for what is of the other. */
export const awsIssuer = (issuer: string): string => `${issuer}/aws`;

export interface AwsStsCredential {
  readonly kind: 'aws-sts';
  readonly region: string;
  /** Where it is not AWS itself: of STS and IAM alike. */
  readonly endpoint?: string;
  /** The broker's own. Absent: what the platform has for it. */
  readonly keys?: AwsKeys;
  /** The broker asks STS as a web identity, and needs no key of AWS for that. */
  readonly webIdentity?: WebIdentityTerms;
  /** ARNs. Several share the sessions, as one role can deny only so many by name. */
  readonly roles: readonly string[];
  /** Live sessions at a time on each role. */
  readonly sessionsPerRole: number;
  readonly template: SessionTemplate;
  /** What the target knows beside the session's name. Both need a right of their own in the role's trust policy. */
  readonly supports: { readonly sourceIdentity: boolean; readonly tags: boolean };
  /** How long after IAM has taken a Deny it is in force. */
  readonly inForceAfterMs: number;
}
