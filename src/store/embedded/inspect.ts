// Looks at an embedded store's file and changes nothing, whether or not a broker has it.
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import type { SigningKeyRecord } from '../store.js';
import type { Row } from './database.js';
import { signingKeyFromRow } from './rows.js';
import { SCHEMA_VERSION } from './schema.js';

export type InspectedFile =
  | { readonly state: 'absent' }
  /** A broker has it. */
  | { readonly state: 'locked' }
  /** It can be read by nobody, as it is now. */
  | { readonly state: 'unreadable'; readonly why: string }
  | {
      readonly state: 'readable';
      readonly schemaVersion: number;
      readonly newestSchemaVersion: number;
      readonly signingKeys: readonly SigningKeyRecord[];
    };

/** A file of this size is copied, to be read, where a log lies beside it. */
const MOST_COPIED_BYTES = 256 * 1024 * 1024;

export function inspectFile(path: string): InspectedFile {
  if (!existsSync(path)) return { state: 'absent' };
  if (isLocked(path)) return { state: 'locked' };
  // To open it would be to take the log in, which is the business of a broker.
  return existsSync(`${path}-wal`) ? readCopy(path) : read(path);
}

/** Whether any program has a lock on it, as far as the system tells (proc(5)): asked of SQLite, only by opening it. */
function isLocked(path: string): boolean {
  try {
    const { ino } = statSync(path);
    return readFileSync('/proc/locks', 'utf8')
      .split('\n')
      .some((line) => line.split(/\s+/).some((word) => word.endsWith(`:${ino}`)));
  } catch {
    return false;
  }
}

function readCopy(path: string): InspectedFile {
  const bytes = statSync(path).size + statSync(`${path}-wal`).size;
  if (bytes > MOST_COPIED_BYTES)
    return { state: 'unreadable', why: 'a log lies beside it, which the next broker will take in' };
  const folder = mkdtempSync(join(tmpdir(), 'mayfly-doctor-'));
  try {
    for (const end of ['', '-wal']) cpSync(path + end, join(folder, `copy${end}`));
    return read(join(folder, 'copy'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function read(path: string): InspectedFile {
  let db: Database.Database | undefined;
  try {
    db = new Database(path, { readonly: true });
    const { schema_version: schemaVersion } = db.prepare('SELECT schema_version FROM meta').get() as {
      schema_version: number;
    };
    const rows = db.prepare('SELECT * FROM signing_key ORDER BY activates_at').all() as Row[];
    return {
      state: 'readable',
      schemaVersion,
      newestSchemaVersion: SCHEMA_VERSION,
      signingKeys: rows.map(signingKeyFromRow),
    };
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    return code === 'SQLITE_BUSY' ? { state: 'locked' } : { state: 'unreadable', why: message };
  } finally {
    db?.close();
  }
}
