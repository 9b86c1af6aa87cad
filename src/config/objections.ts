// What we do not accept in YAML: errors of syntax, and the parts of it that make a file read as something it is not.
import { type Document, type Node, isAlias, isNode, isScalar, visit } from 'yaml';

export interface Objection {
  readonly offset: number;
  readonly message: string;
  /** Nothing else in the file can be relied on. */
  readonly fatal: boolean;
}

/** Tags that say nothing a plain value could not; any other makes values that the schema does not know. */
const PLAIN_TAGS = new Set(
  ['str', 'int', 'float', 'bool', 'null', 'map', 'seq'].map((name) => `tag:yaml.org,2002:${name}`),
);

export function objectionsTo(document: Document): Objection[] {
  const found: Objection[] = document.errors.map(({ code, pos: [offset], message }) => {
    if (code === 'DUPLICATE_KEY')
      return { offset, message: 'this key is given twice: keep one', fatal: false };
    if (code === 'MULTIPLE_DOCS')
      return { offset, message: 'a second document begins here: keep one', fatal: true };
    return { offset, message: `not valid YAML: ${message}`, fatal: true };
  });
  // An error of syntax leaves a tree of which nothing more should be said.
  if (found.some(({ fatal }) => fatal)) return found;
  visit(document, {
    Alias: (_, alias) => {
      if (alias.resolve(document)) return;
      const message = `nothing before this is named &${alias.source}`;
      found.push({ offset: offsetOf(alias), message, fatal: true });
    },
    Node: (_, node) => {
      if (isAlias(node) || node.tag === undefined || PLAIN_TAGS.has(node.tag)) return;
      const message = `the tag ${JSON.stringify(node.tag)} is not accepted: write a plain value`;
      found.push({ offset: offsetOf(node), message, fatal: false });
    },
    Pair: (_, { key }) => {
      const message = keyObjection(key);
      if (message !== undefined)
        found.push({ offset: isNode(key) ? offsetOf(key) : 0, message, fatal: true });
    },
  });
  return found;
}

function keyObjection(key: unknown): string | undefined {
  if (!isScalar(key)) return 'a key must be a plain word';
  if (key.value === '<<')
    return 'merging with << is not supported: write the keys out, or alias the whole value';
  // It would vanish on its way through objects, and a role rule would then be wider than it reads.
  if (key.value === '__proto__') return 'the key __proto__ is not accepted';
  return undefined;
}

const offsetOf = (node: Node): number => node.range?.[0] ?? 0;
