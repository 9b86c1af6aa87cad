// Debian's PostgreSQL, found and made ready: by a user without rights, in memory where there is room for it.
import { execFileSync, spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const VERSIONS = '/usr/lib/postgresql';
const MEMORY = '/dev/shm';

/** Debian keeps the server out of the PATH. */
export const postgresPrograms = existsSync(VERSIONS)
  ? readdirSync(VERSIONS)
      .toSorted((a, b) => Number(b) - Number(a))
      .map((version) => path.join(VERSIONS, version, 'bin'))
      .find((folder) => existsSync(path.join(folder, 'postgres')))
  : undefined;

/** PostgreSQL refuses to be run by root. */
export const unprivileged = process.getuid?.() === 0 ? { uid: idOf('-u'), gid: idOf('-g') } : undefined;

function idOf(which: '-u' | '-g'): number {
  return Number(spawnSync('id', [which, 'nobody'], { encoding: 'utf8' }).stdout);
}

/** A new folder with a cluster in `data`, not started. */
export function makeCluster(
  prefix: string,
  admin: { readonly user: string; readonly password: string },
): string {
  const folder = mkdtempSync(path.join(existsSync(MEMORY) ? MEMORY : tmpdir(), prefix));
  const password = path.join(folder, 'password');
  writeFileSync(password, admin.password, { mode: 0o600 });
  if (unprivileged) for (const one of [folder, password]) chownSync(one, unprivileged.uid, unprivileged.gid);
  const terms = ['-U', admin.user, '-A', 'scram-sha-256', `--pwfile=${password}`];
  execFileSync(
    path.join(postgresPrograms!, 'initdb'),
    ['-D', path.join(folder, 'data'), '--no-sync', '--no-locale', '-E', 'UTF8', ...terms],
    { stdio: 'ignore', cwd: folder, ...unprivileged },
  );
  return folder;
}
