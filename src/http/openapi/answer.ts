// GET /openapi.json: made when somebody first asks for it, as most brokers are never asked.
import { ownVersion } from '../../version.js';
import type { Answer } from '../answer.js';
import { openApiDocument } from './document.js';

/** The same for as long as the broker runs. */
const KEPT_SECONDS = 300;

export function openApiAnswer(issuer: string): () => Answer {
  let text: string | undefined;
  return () => ({
    status: 200,
    body: (text ??= ascii(JSON.stringify(openApiDocument({ issuer, version: ownVersion() })))),
    headers: {
      'content-type': 'application/json',
      'cache-control': `public, max-age=${KEPT_SECONDS}`,
      'access-control-allow-origin': '*',
    },
  });
}

/** The same JSON, of one byte a character: anybody may ask for it, and it is sent without being encoded each time. */
const ascii = (json: string): string =>
  json.replaceAll(
    /[\u0080-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
