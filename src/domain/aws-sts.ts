// How a tool's credentials are made at AWS, or whatever speaks its STS and IAM.
import type { Secret } from './secret.js';
import type { SessionTemplate } from './session-template.js';

export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret;
  readonly sessionToken?: Secret;
}

export interface AwsStsCredential {
  readonly kind: 'aws-sts';
  readonly region: string;
  /** Where it is not AWS itself: of STS and IAM alike. */
  readonly endpoint?: string;
  /** The broker's own. Absent: what the platform has for it. */
  readonly keys?: AwsKeys;
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
