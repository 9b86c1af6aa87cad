// `npm run sbom`: writes mayfly.cdx.json, all that a release runs with (CycloneDX 1.5), as npm knows it.
// For a release, not for git: it holds the time at which it was made, and a number of its own.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { dependencies } from './licences.mjs';
import { root } from './project.mjs';

const file = process.argv[2] ?? path.join(root, 'mayfly.cdx.json');
const { name, version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));

// From the lock file alone: what happens to be installed here says nothing of what others will run.
const args = ['sbom', '--package-lock-only', '--sbom-format=cyclonedx', '--sbom-type=application'];
const { status, stdout } = spawnSync('npm', args, {
  cwd: root,
  encoding: 'utf8',
  maxBuffer: 64 * 1024 * 1024,
  stdio: ['ignore', 'pipe', 'inherit'],
});
if (status !== 0) process.exit(status ?? 1);

/** @typedef {{ name: string, version: string, 'bom-ref': string }} Component */
/** @typedef {{ ref: string, dependsOn: string[] }} Edges */
/** @type {{ metadata: { component: Component }, components: Component[], dependencies: Edges[] }} */
const bill = JSON.parse(stdout);

// npm's own --omit=dev also leaves out what production and development both need (npm 11.19: express' parts, zod, jose).
const shipped = new Set(dependencies().map((each) => `${each.name}@${each.version}`));
bill.components = bill.components.filter((each) => shipped.has(`${each.name}@${each.version}`));
const refs = new Set([bill.metadata.component, ...bill.components].map((each) => each['bom-ref']));
bill.dependencies = bill.dependencies
  .filter(({ ref }) => refs.has(ref))
  .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((target) => refs.has(target)) }));
// npm calls it by the folder that it happens to lie in.
bill.metadata.component.name = name;

writeFileSync(file, `${JSON.stringify(bill, undefined, 2)}\n`);
console.log(`${file}: ${name} ${version}, ${bill.components.length} packages`);
