// `npm run licences`: writes docs/licences.md, what every package of production asks of those who pass it on.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './project.mjs';

/** Licences that ask for no more than their own text and a notice. Any other one needs somebody to decide. */
export const PERMISSIVE = [
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'ISC',
  'MIT',
];

/**
 * @typedef {object} Dependency
 * @property {string} name
 * @property {string} version
 * @property {string} licence by its SPDX identifier; empty where the package names none
 * @property {boolean} direct named by package.json, and not by another package alone
 * @property {boolean} optional left out where it does not fit the machine
 */

/** What `npm install mayfly` may bring, by the lock file. */
export function dependencies() {
  const { packages } = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8'));
  const named = packages[''].dependencies;
  /** @type {Map<string, Dependency>} */
  const found = new Map();
  for (const [place, { version, license: licence = '', dev, optional }] of Object.entries(packages)) {
    if (place === '' || dev) continue;
    const name = place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length);
    const direct = place === `node_modules/${name}` && name in named;
    found.set(`${name}@${version}`, { name, version, licence, direct, optional: optional === true });
  }
  return [...found.values()].sort((a, b) => (a.name + a.version < b.name + b.version ? -1 : 1));
}

/** The page, from what the lock file says. */
export function page(list = dependencies()) {
  const counts = new Map();
  for (const { licence } of list) counts.set(licence, (counts.get(licence) ?? 0) + 1);
  const summary = [...counts].sort(([, a], [, b]) => b - a).map(([licence, count]) => `${licence} ${count}`);
  const rows = list.map(
    ({ name, version, licence, direct, optional }) =>
      `| ${direct ? `**${name}**` : name} | ${version} | ${licence} | ${optional ? 'where it fits' : ''} |`,
  );
  return `# Licences

Mayfly itself is under the [Apache License 2.0](../LICENSE). These are the packages that it runs with, and what they are
under: ${list.length} in all, ${summary.join(', ')}. Only licences that ask for their own text and a notice are accepted:
${PERMISSIVE.join(', ')}.

Packages in bold are those that Mayfly names itself; the others come with them. "Where it fits" are those that npm leaves
out on machines that they are not made for. The texts are in the packages, in \`node_modules\`.

This page is made from the lock file by \`npm run licences\`. A test fails when it is not what the lock file says.

| package | version | licence | |
| --- | --- | --- | --- |
${rows.join('\n')}
`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  writeFileSync(path.join(root, 'docs', 'licences.md'), page());
}
