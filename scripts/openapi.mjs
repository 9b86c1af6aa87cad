// `npm run openapi`: the contract as this version of the code has it → docs/openapi.json.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { build, install, root } from './project.mjs';

const FILE = path.join(root, 'docs', 'openapi.json');
/** Not anybody's broker: each serves its own at /openapi.json, with its own address. */
const ISSUER = 'https://mayfly.example';

/** Of the build, which is not there before it was made: its types are not known either. */
/** @param {string} file @returns {Promise<any>} */
const built = (file) => import(new URL(`../dist/${file}`, import.meta.url).href);

process.exitCode = install() || build();
if (process.exitCode === 0) {
  const { openApiDocument } = await built('http/openapi/document.js');
  const { ownVersion } = await built('version.js');
  const prettier = await import('prettier');
  const text = JSON.stringify(openApiDocument({ issuer: ISSUER, version: ownVersion() }));
  const options = await prettier.resolveConfig(FILE);
  writeFileSync(FILE, await prettier.format(text, { ...options, filepath: FILE }));
}
