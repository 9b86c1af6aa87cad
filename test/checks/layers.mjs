// Checks src/ against layers.table.mjs: `node test/checks/layers.mjs [folder]`. Says every breach, with its line.
import { isBuiltin } from 'node:module';
import { readModules, resolve } from './imports.mjs';
import { builtins, environment, layers, packages } from './layers.table.mjs';

/**
 * @param {string} file
 * @param {string} place a folder or a file
 */
function isIn(file, place) {
  return file === place || file.startsWith(`${place}/`);
}

/** @param {string} file */
function layerOf(file) {
  return Object.keys(layers)
    .filter((layer) => isIn(file, layer))
    .sort((a, b) => b.length - a.length)[0];
}

/** @param {string} specifier */
function packageOf(specifier) {
  const [scope = '', name = ''] = specifier.split('/');
  return scope.startsWith('@') ? [`${scope}/${name}`, `${scope}/*`] : [scope];
}

/**
 * Why a module may not import what it imports; undefined when it may.
 *
 * @param {string} file
 * @param {string} layer
 * @param {import('./imports.mjs').Import} imported
 */
function breach(file, layer, { specifier, typesOnly }) {
  const target = resolve(file, specifier);
  if (target !== undefined) {
    const targetLayer = layerOf(target);
    if (targetLayer === undefined) return `${specifier} is in no layer of layers.table.mjs`;
    const allowed = layers[layer] ?? [];
    const named = [targetLayer, '*', ...(typesOnly ? [`types:${targetLayer}`] : [])];
    if (targetLayer === layer || named.some((name) => allowed.includes(name))) return undefined;
    return allowed.includes(`types:${targetLayer}`)
      ? `${layer} may import only types from ${targetLayer}`
      : `${layer} may not import ${targetLayer}`;
  }
  if (isBuiltin(specifier)) {
    if (!specifier.startsWith('node:')) return `${specifier} is written node:${specifier}`;
    return builtins[layer]?.includes(specifier) === false
      ? `${layer} may not import ${specifier}`
      : undefined;
  }
  const names = packageOf(specifier);
  const places = names.map((name) => packages[name]).find((found) => found !== undefined);
  if (places === undefined) return `${names[0]} has no place in layers.table.mjs`;
  return places.some((place) => isIn(file, place))
    ? undefined
    : `${names[0]} is imported only in ${places.join(', ')}`;
}

const ENVIRONMENT =
  /\bprocess\s*(?:\?\.|\.)\s*env\b|\bprocess\s*(?:\?\.)?\[\s*['"`]env\b|\{[^{}]*\benv\b[^{}]*\}\s*=\s*process\b|\{[^{}]*\benv\b[^{}]*\}\s*from\s*['"](?:node:)?process['"]/g;

/** @param {import('./imports.mjs').Module} module */
function breachesOf({ file, code, imports }) {
  const layer = layerOf(file);
  if (layer === undefined) return [`${file}: is in no layer of layers.table.mjs`];
  const found = imports.flatMap((imported) => {
    const reason = breach(file, layer, imported);
    return reason === undefined ? [] : [`${file}:${imported.line}: ${reason}`];
  });
  if (environment.some((place) => isIn(file, place))) return found;
  const reads = [...code.matchAll(ENVIRONMENT)].map(({ index }) => {
    const line = code.slice(0, index).split('\n').length;
    return `${file}:${line}: the environment is read only in ${environment.join(', ')}`;
  });
  return [...found, ...reads];
}

const breaches = readModules(process.argv[2] ?? 'src').flatMap(breachesOf);
for (const line of breaches) console.log(line);
process.exitCode = breaches.length > 0 ? 1 : 0;
