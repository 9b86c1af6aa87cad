// Finds imports that run in a circle: `node test/checks/circles.mjs [folder]`. Imports of types count too.
import { readModules, resolve } from './imports.mjs';

/** @type {Map<string, string[]>} */
const graph = new Map(
  readModules(process.argv[2] ?? 'src').map(({ file, imports }) => [
    file,
    imports.flatMap(({ specifier }) => resolve(file, specifier) ?? []),
  ]),
);

/** @type {Set<string>} */
const finished = new Set();
/** @type {string[][]} */
const circles = [];

/**
 * @param {string} file
 * @param {readonly string[]} trail how we came here
 */
function walk(file, trail) {
  const start = trail.indexOf(file);
  if (start >= 0) {
    circles.push([...trail.slice(start), file]);
    return;
  }
  if (finished.has(file)) return;
  for (const next of graph.get(file) ?? []) walk(next, [...trail, file]);
  finished.add(file);
}

for (const file of graph.keys()) walk(file, []);
for (const circle of circles) console.log(circle.join(' → '));
process.exitCode = circles.length > 0 ? 1 : 0;
