// RFC 9728: what tells a client that knows nothing but our address which broker to ask, and for what.
import { SIGNATURE_ALGORITHMS } from '../../jws/algorithms.js';

export interface ResourceFacts {
  /** Our audience. RFC 9728 §3.3: clients compare it with the address that they came by. */
  readonly resource: string;
  readonly broker: string;
  readonly actions: readonly string[];
  readonly requiresDpop: boolean;
  readonly name?: string;
  readonly documentation?: string;
}

const WELL_KNOWN = '/.well-known/oauth-protected-resource';
/** A changed action should be known soon, and a crowd of clients should not ask for each call. */
const MAX_AGE_S = 300;

/** RFC 9728 §3.1: between the host and the path. */
export function metadataUrl(resource: string): URL {
  const url = new URL(resource);
  url.pathname = url.pathname === '/' ? WELL_KNOWN : `${WELL_KNOWN}${url.pathname.replace(/\/$/, '')}`;
  url.hash = '';
  return url;
}

export function metadataOf({ resource, broker, actions, requiresDpop, ...about }: ResourceFacts): object {
  return {
    resource,
    authorization_servers: [broker],
    scopes_supported: actions,
    bearer_methods_supported: ['header'],
    dpop_signing_alg_values_supported: SIGNATURE_ALGORITHMS,
    ...(requiresDpop && { dpop_bound_access_tokens_required: true }),
    ...(about.name !== undefined && { resource_name: about.name }),
    ...(about.documentation !== undefined && { resource_documentation: about.documentation }),
  };
}

/** It is open to everybody, pages of any origin among them: it says nothing that is not public. */
export function metadataAnswer(method: string, metadata: object): Response {
  const headers = {
    'access-control-allow-origin': '*',
    'access-control-allow-headers': '*',
    'cache-control': `public, max-age=${MAX_AGE_S}`,
  };
  if (method === 'OPTIONS') return new Response(null, { status: 204, headers });
  if (method !== 'GET' && method !== 'HEAD') {
    return new Response(null, { status: 405, headers: { allow: 'GET, HEAD, OPTIONS' } });
  }
  const body = method === 'HEAD' ? null : JSON.stringify(metadata);
  return new Response(body, { headers: { ...headers, 'content-type': 'application/json' } });
}
