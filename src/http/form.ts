// Reads an OAuth form (RFC 6749 §3.2): bounded, each parameter at most once, an empty one as if it were absent.
import type { IncomingMessage } from 'node:http';
import { Refusal } from '../domain/refusal.js';

const FORM = /^application\/x-www-form-urlencoded\s*(?:;|$)/i;

export async function readForm(
  request: IncomingMessage,
  limitBytes: number,
): Promise<Map<string, string> | Refusal> {
  if (!FORM.test(request.headers['content-type'] ?? '')) {
    return new Refusal('media_type_unsupported', 'Send application/x-www-form-urlencoded.');
  }
  const body = await readBody(request, limitBytes);
  return body instanceof Refusal ? body : parseForm(body.toString('utf8'));
}

/** The whole body, or a refusal as soon as it is seen to be too large: the rest is never kept. */
export function readBody(request: IncomingMessage, limitBytes: number): Promise<Buffer | Refusal> {
  if (Number(request.headers['content-length'] ?? 0) > limitBytes)
    return Promise.resolve(tooLarge(limitBytes));
  // Who hung up while we looked at the token sends no event any more.
  if (request.destroyed) return Promise.resolve(brokenOff());
  return new Promise((resolve) => {
    const body = new Gathered();
    const keep = (chunk: Buffer): void => {
      if (body.size + chunk.length <= limitBytes) {
        body.add(chunk);
        return;
      }
      request.off('data', keep);
      resolve(tooLarge(limitBytes));
    };
    // None of these comes twice, and `close` comes after an `end`, too.
    request.on('data', keep);
    request.on('end', () => resolve(body.bytes()));
    const broken = (): void => {
      if (!request.readableEnded) resolve(brokenOff());
    };
    request.on('error', broken);
    request.on('close', broken);
  });
}

const NOTHING: Buffer = Buffer.alloc(0);

/**
 * Pieces in one piece. A list of them would let whoever sends a body byte by byte have a hundred times as much kept
 * as he sends; and room for what he says that he will send, all of that for nothing.
 */
class Gathered {
  size = 0;
  #bytes = NOTHING;

  add(piece: Buffer): void {
    const size = this.size + piece.length;
    if (this.size === 0) this.#bytes = piece;
    else {
      if (size > this.#bytes.length)
        this.#bytes = Buffer.concat([this.#bytes.subarray(0, this.size)], 2 * size);
      piece.copy(this.#bytes, this.size);
    }
    this.size = size;
  }

  bytes(): Buffer {
    return this.size === this.#bytes.length ? this.#bytes : this.#bytes.subarray(0, this.size);
  }
}

const tooLarge = (limitBytes: number): Refusal => new Refusal('body_too_large', `over ${limitBytes} bytes`);
const brokenOff = (): Refusal => new Refusal('body_not_readable', 'The connection broke.');

/** Walks the text itself: URLSearchParams makes a list of all names and values, and an array for each when it is read. */
export function parseForm(text: string): Map<string, string> | Refusal {
  const form = new Map<string, string>();
  let empty: Set<string> | undefined;
  for (let start = 0; start < text.length;) {
    const end = indexOrEnd(text.indexOf('&', start), text.length);
    if (end > start) {
      // Looked for in the piece alone: in the whole text, a body of pieces without it would be read over and over.
      const piece = text.slice(start, end);
      const cut = indexOrEnd(piece.indexOf('='), piece.length);
      const name = decoded(piece.slice(0, cut));
      const value = decoded(piece.slice(cut + 1));
      if (form.has(name) || empty?.has(name))
        return new Refusal('request_malformed', `The parameter ${show(name)} is given twice.`);
      if (value === '') (empty ??= new Set()).add(name);
      else form.set(name, value);
    }
    start = end + 1;
  }
  return form;
}

const indexOrEnd = (index: number, end: number): number => (index < 0 ? end : index);

const ESCAPE = /[%+]/;

/** What URLSearchParams makes of it, which is asked only where an escape is none. */
function decoded(piece: string): string {
  if (!ESCAPE.test(piece)) return piece;
  try {
    return decodeURIComponent(piece.includes('+') ? piece.replaceAll('+', ' ') : piece);
  } catch {
    return new URLSearchParams(`piece=${piece}`).get('piece')!;
  }
}

const show = (name: string): string => JSON.stringify(name.slice(0, 64));
