// What the contract says of one route, beside what stands in the table of access.
import type { z } from 'zod';
import type { RefusalReason } from '../../domain/refusal.js';
import type { SchemaName } from './schemas.js';

export interface DocumentedAnswer {
  readonly description: string;
  /** Absent: the answer has no body. */
  readonly schema?: SchemaName;
  /** JSON unless it says otherwise. */
  readonly type?: string;
  readonly example?: unknown;
  /** Headers beside X-Request-Id and Cache-Control, by the name that they have in the document. */
  readonly headers?: readonly HeaderName[];
}

export interface DocumentedRoute {
  readonly tag: Tag;
  readonly summary: string;
  readonly description?: string;
  /** What stands in the path, by name. */
  readonly path?: Readonly<Record<string, { readonly description: string; readonly schema: z.ZodType }>>;
  readonly query?: z.ZodObject;
  /** A credential that is asked for with a proof is bound to its key. */
  readonly takesProof?: true;
  readonly body?: { readonly schema: SchemaName; readonly example: unknown; readonly optional?: true };
  readonly answers: Readonly<Record<number, DocumentedAnswer>>;
  /** Why it may be refused, beside what every route of its kind refuses. */
  readonly refusals?: readonly RefusalReason[];
}

export const TAGS = {
  Credentials: 'Getting a credential, renewing it, and giving it back.',
  Tasks: 'The unit of authority: what a credential is for, and dies with.',
  Verification: 'For tools that are shown a credential.',
  Operating: 'Seeing what is live, and killing it.',
  Discovery: 'Open to everybody.',
} as const;
export type Tag = keyof typeof TAGS;

export const HEADERS = {
  'X-Request-Id': 'The audit log is searched by it.',
  'Cache-Control': '`no-store`, or for how long a copy may be kept.',
  'Retry-After': 'Seconds to wait.',
  'WWW-Authenticate': 'How to show who one is (RFC 6750 §3, RFC 9449 §7.1).',
  'DPoP-Nonce': 'To be put into the next proof (RFC 9449 §8).',
  ETag: 'Names what was sent: with it as `If-None-Match`, 304 says that nothing newer is there.',
  Location: 'The path of what was made.',
  'Mayfly-Stream': 'Names the stream in acknowledgements.',
  Allow: 'The methods that there are.',
} as const;
export type HeaderName = keyof typeof HEADERS;
