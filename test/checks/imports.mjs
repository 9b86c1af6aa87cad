// Reads what the modules of a source tree import, from their text alone.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';

/**
 * @typedef {object} Import
 * @property {string} specifier as written
 * @property {boolean} typesOnly gone after compilation
 * @property {number} line
 *
 * @typedef {object} Module
 * @property {string} file path below the tree's root, with forward slashes
 * @property {string} code its text, comments blanked
 * @property {readonly Import[]} imports
 */

// A comment, or what may hold the beginning of one without meaning it: a string, a template, a regular expression.
const COMMENT_OR_TEXT =
  /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`|(?<=(?:[=(,:[!&|?;{}\n]|\breturn)\s*)\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\//g;

const IMPORTS = [
  // import x from 'y', export … from 'y'
  /(?<![\w.$])(?:import|export)\b(?<clause>[\w\s{},*$]*?)\bfrom\s*(?<quote>['"])(?<specifier>[^'"\n]+)\k<quote>/g,
  // import 'y'
  /(?<![\w.$])import\s*(?<quote>['"])(?<specifier>[^'"\n]+)\k<quote>/g,
  // import('y'), require('y'), also as types
  /(?<![\w.$])(?:import|require)\s*\(\s*(?<quote>['"`])(?<specifier>[^'"`\n]+)\k<quote>/g,
];

/** @param {string} text */
function withoutComments(text) {
  return text.replace(COMMENT_OR_TEXT, (match) =>
    match.startsWith('/*') || match.startsWith('//') ? match.replaceAll(/[^\n]/g, ' ') : match,
  );
}

/**
 * @param {string} code text without comments
 * @returns {Import[]}
 */
function importsOf(code) {
  return IMPORTS.flatMap((pattern) => [...code.matchAll(pattern)]).map((match) => ({
    specifier: match.groups?.specifier ?? '',
    typesOnly: /^\s+type\b(?!\s*(?:,|from\b))/.test(match.groups?.clause ?? ''),
    line: code.slice(0, match.index).split('\n').length,
  }));
}

/**
 * Every TypeScript module below a folder.
 *
 * @param {string} folder
 * @returns {Module[]}
 */
export function readModules(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.[cm]?tsx?$/.test(file))
    .sort()
    .map((file) => {
      const code = withoutComments(readFileSync(path.join(folder, file), 'utf8'));
      return { file: file.split(path.sep).join('/'), code, imports: importsOf(code) };
    });
}

/**
 * The module that a relative specifier means, as a path below the root; undefined for a package or a builtin.
 *
 * @param {string} from
 * @param {string} specifier
 */
export function resolve(from, specifier) {
  if (!specifier.startsWith('.')) return undefined;
  return path.posix.join(path.posix.dirname(from), specifier).replace(/\.([cm]?)js(x?)$/, '.$1ts$2');
}
