// The credential and the proofs that a request shows.
import type { ShownRequest } from '../verifier/index.js';

export interface Shown {
  readonly token: string | undefined;
  readonly request: ShownRequest;
}

/** @param url the address as callers know it: by the Host header it would be whatever the caller says */
export function shownIn({ headers, method }: Request, url: string): Shown {
  const [, scheme, token] = /^(bearer|dpop) +([\w.~+/-]+=*)$/i.exec(headers.get('authorization') ?? '') ?? [];
  // Several headers arrive as one list (RFC 9110 §5.3), and no proof holds a comma.
  const proofs = (headers.get('dpop') ?? '').split(',').map((proof) => proof.trim());
  return {
    token,
    request: {
      method,
      url,
      proofs: proofs.filter((proof) => proof !== ''),
      ...(scheme !== undefined && { scheme: scheme.toLowerCase() === 'dpop' ? 'DPoP' : 'Bearer' }),
    },
  };
}
