// Statement templates for a database: read by a small grammar, so that what a caller says is only ever a quoted name or text.

/** What a placeholder stands for, and so how it is quoted. */
const PLACEHOLDERS = ['role', 'resource:identifier', 'resource:literal'] as const;
type Placeholder = (typeof PLACEHOLDERS)[number];

export interface StatementTemplate {
  /** Text as it was written, and what stands between. */
  readonly parts: readonly (string | { readonly placeholder: Placeholder })[];
  /** Whether it has to be told a resource. */
  readonly namesResource: boolean;
}

/** What may begin a statement: a transaction that a template ends would be ours no more. */
const FIRST_WORDS = ['GRANT', 'REVOKE', 'ALTER', 'CREATE', 'COMMENT', 'SELECT', 'CALL'] as const;

/** PostgreSQL cuts longer names off: what is left would be another object's. */
const LONGEST_IDENTIFIER = 63;
const BEFORE_PLACEHOLDER = /[\s(,.=]/;
const AFTER_PLACEHOLDER = /[\s),.;]/;

/** The template, or what is wrong with it, to stand after the name of the place that it has. */
export function readTemplate(text: string): StatementTemplate | { readonly flaw: string } {
  const parts: (string | { placeholder: Placeholder })[] = [];
  let plain = '';
  for (let at = 0; at < text.length;) {
    const rest = text.slice(at);
    const before = text[at - 1] ?? ' ';
    if (rest.startsWith('{{')) {
      const [whole, name = ''] = /^\{\{\s*([^{}]*?)\s*\}\}/.exec(rest) ?? [];
      const placeholder = PLACEHOLDERS.find((known) => known === name);
      if (whole === undefined || !placeholder) return { flaw: unknownPlaceholder(name) };
      // Behind E or U& a backslash would have a meaning again, and behind a name it would become a part of it.
      const after = text[at + whole.length] ?? ' ';
      if (!BEFORE_PLACEHOLDER.test(before) || !AFTER_PLACEHOLDER.test(after))
        return { flaw: `must have {{${name}}} stand by itself, with a space or a bracket around it` };
      parts.push(plain, { placeholder });
      plain = '';
      at += whole.length;
      continue;
    }
    const token = tokenOf(rest, before);
    if ('flaw' in token) return token;
    plain += token.text;
    at += token.text.length;
  }
  parts.push(plain);
  return flawOfWhole(text, parts) ?? { parts, namesResource: parts.some(isOfResource) };
}

/** A character, or a quoted text or name as a whole. */
function tokenOf(rest: string, before: string): { readonly text: string } | { readonly flaw: string } {
  const [first = ''] = rest;
  if (first === "'" || first === '"') {
    const [quoted] = (first === "'" ? /^'(?:[^'\\]|'')*'/ : /^"(?:[^"\\]|"")*"/).exec(rest) ?? [];
    if (quoted === undefined) return { flaw: 'has a quote that does not end, or a backslash within quotes' };
    if (/[A-Za-z0-9_&]/.test(before)) return { flaw: "must not have E'…', U&'…' or the like" };
    if (quoted.includes('{{')) return { flaw: 'has a placeholder within quotes: it brings its own' };
    return { text: quoted };
  }
  if (rest.startsWith('--') || rest.startsWith('/*')) return { flaw: 'must not have a comment' };
  if (first === ';') return { flaw: 'must be one statement, without ; at its end' };
  if (/[$\\{}]/.test(first)) return { flaw: `must not have ${first}` };
  return { text: first };
}

function flawOfWhole(text: string, parts: StatementTemplate['parts']): { readonly flaw: string } | undefined {
  const [word = ''] = /^\s*[A-Za-z]*/.exec(text) ?? [];
  if (!FIRST_WORDS.some((known) => known === word.trim().toUpperCase()))
    return { flaw: `must begin with one of ${FIRST_WORDS.join(', ')}` };
  const namesRole = parts.some((part) => typeof part === 'object' && part.placeholder === 'role');
  return namesRole ? undefined : { flaw: 'must have {{role}}, the role that it is for' };
}

const isOfResource = (part: StatementTemplate['parts'][number]): boolean =>
  typeof part === 'object' && part.placeholder !== 'role';

const unknownPlaceholder = (name: string): string => {
  const known = PLACEHOLDERS.map((one) => `{{${one}}}`).join(', ');
  return `has a placeholder that is not known, {{${name}}}: known are ${known}`;
};

/** Why the template cannot be told this resource; undefined where it can. */
export function resourceFlaw({ parts }: StatementTemplate, resource: string): string | undefined {
  if (resource.includes('*')) return 'is a pattern, and the target knows names only';
  // A backslash in a literal means what the server's settings say.
  if (!/^[\x20-\x5b\x5d-\x7e]+$/.test(resource)) return 'has characters that are not passed on';
  const asIdentifier = parts.some(
    (part) => typeof part === 'object' && part.placeholder === 'resource:identifier',
  );
  return asIdentifier && resource.length > LONGEST_IDENTIFIER ? 'is longer than a name may be' : undefined;
}

/** @throws Error where the template needs a resource and gets none */
export function statementFrom({ parts }: StatementTemplate, role: string, resource?: string): string {
  const resourceGiven = (): string => {
    if (resource === undefined) throw new Error('a statement needs a resource, and there is none');
    return resource;
  };
  const values: Readonly<Record<Placeholder, () => string>> = {
    role: () => quoteIdentifier(role),
    'resource:identifier': () => quoteIdentifier(resourceGiven()),
    'resource:literal': () => quoteLiteral(resourceGiven()),
  };
  return parts.map((part) => (typeof part === 'string' ? part : values[part.placeholder]())).join('');
}

export const quoteIdentifier = (name: string): string => `"${withoutNul(name).replaceAll('"', '""')}"`;

/** A backslash has no meaning in it where `standard_conforming_strings` is on, which our connections see to. */
export const quoteLiteral = (text: string): string => `'${withoutNul(text).replaceAll("'", "''")}'`;

function withoutNul(text: string): string {
  if (text.includes('\0')) throw new Error('a name or a text for a database must not have a NUL');
  return text;
}
