// A folder that holds what a Redis store may name.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCertificates } from '../fixtures/redis/certificates.js';

/** Certificates that vouch for nobody: of the broker, and of somebody else. */
export const ours = makeCertificates();
export const stranger = makeCertificates();

/** A new folder with these files in it. */
export function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'mayfly-redis-'));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return folder;
}
