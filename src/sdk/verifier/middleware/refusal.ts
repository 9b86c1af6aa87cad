// The body of a refusal: no more than its header says.
import type { CredentialRefused } from '../refused.js';

export const RETRY_AFTER_SECONDS = '1';

export const refusalBody = ({
  status,
  error = status === 503 ? 'temporarily_unavailable' : 'invalid_request',
  message,
}: CredentialRefused): string => JSON.stringify({ error, error_description: message });
