// A refusal in the words of AWS: what SDKs read from a container's endpoint, and show to their users.
import type { AwsError } from '../wire/aws.js';

/** Names of AWS's own for what they mean there; SDKs go by the status. */
const CODES: Readonly<Record<number, string>> = {
  400: 'ValidationError',
  401: 'UnrecognizedClientException',
  403: 'AccessDeniedException',
  404: 'ResourceNotFoundException',
  405: 'UnknownOperationException',
  409: 'ConflictException',
  429: 'ThrottlingException',
  503: 'ServiceUnavailable',
};

/** Of an answer an SDK shows this alone: what the true reason is found by has to stand in it. */
export const awsError = (status: number, said: string, requestId: string): AwsError => ({
  Code: CODES[status] ?? 'InternalFailure',
  Message: `${said} (${requestId})`,
});
