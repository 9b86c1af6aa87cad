// SHA-256 over text and over canonical JSON: what stands in records in the place of a secret or a long body.
import { hash } from 'node:crypto';

/** SHA-256, base64url without padding: 43 characters. In one call, which costs half as much as three. */
export const sha256 = (text: string | Uint8Array): string => hash('sha256', text, 'base64url');

/** JSON with members in code-unit order, so that the same value always has the same text. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`);
  return `{${members.join(',')}}`;
}

export const digestOf = (value: unknown): string => sha256(canonicalJson(value));
