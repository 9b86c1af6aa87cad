// What every entry point needs before it can do its work: the packages installed and src/ built. Needs Node alone.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
const dist = path.join(root, 'dist');
const manifest = readJson(path.join(root, 'package.json'));

/** An older Node fails somewhere in the middle, of something that it does not know. */
const leastNode = manifest.engines.node.slice('>='.length);
if (process.versions.node.localeCompare(leastNode, 'en', { numeric: true }) < 0) {
  console.error(`Node ${leastNode} or later is needed, and this is ${process.version}.`);
  process.exit(1);
}

/** Ctrl-C reaches the command as well: what it does about it, and how it ends, is waited for. */
const leaveItToTheCommand = () => {};

/**
 * Runs a command in the repository's root on our own terminal and answers its exit code (1 when it cannot be started).
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} [env]
 */
export function run(command, args, env = process.env) {
  process.on('SIGINT', leaveItToTheCommand);
  try {
    return spawnSync(command, args, { cwd: root, stdio: 'inherit', env }).status ?? 1;
  } finally {
    process.off('SIGINT', leaveItToTheCommand);
  }
}

/**
 * The JavaScript behind a package's command, to be run by this same Node.
 *
 * @param {string} name
 */
export function binary(name) {
  return path.join(root, 'node_modules', '.bin', name);
}

/** Installs what the lock file says unless the packages there are exactly those that package.json names. */
export function install() {
  // Also where NODE_ENV=production makes npm leave out what builds and tests.
  return isInstalled() ? 0 : run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund']);
}

function isInstalled() {
  const { dependencies, devDependencies } = manifest;
  return Object.entries({ ...dependencies, ...devDependencies }).every(([name, version]) => {
    const file = path.join(root, 'node_modules', name, 'package.json');
    return existsSync(file) && readJson(file).version === version;
  });
}

/** @param {string} file */
function readJson(file) {
  return JSON.parse(readFileSync(file, 'utf8'));
}

/** The scripts that Redis runs are read as they are: the compiler leaves them behind. */
function copyScripts() {
  const place = path.join('store', 'redis', 'lua');
  rmSync(path.join(dist, place), { recursive: true, force: true });
  cpSync(path.join(root, 'src', place), path.join(dist, place), { recursive: true });
}

/** Compiles src/ to dist/ and answers the compiler's exit code; what it could emit is there even after an error. */
export function build() {
  const status = run(process.execPath, [binary('tsc'), '-p', 'tsconfig.build.json']);
  removeOrphans();
  copyScripts();
  const cli = path.join(dist, 'cli', 'mayfly.js');
  if (existsSync(cli)) chmodSync(cli, 0o755);
  return status;
}

/** In place, never by emptying dist/: a broker that somebody runs from there keeps its files. */
function removeOrphans() {
  if (!existsSync(dist)) return;
  for (const entry of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
    // Of older builds: what they point at is not shipped.
    if (entry.endsWith('.js.map')) rmSync(path.join(dist, entry), { force: true });
    if (!entry.endsWith('.d.ts')) continue;
    const module = entry.slice(0, -'.d.ts'.length);
    if (existsSync(path.join(root, 'src', `${module}.ts`))) continue;
    for (const extension of ['.d.ts', '.js']) {
      rmSync(path.join(dist, module + extension), { force: true });
    }
  }
}
