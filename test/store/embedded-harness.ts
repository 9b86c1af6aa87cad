// The embedded store on files of its own. A crash is a copy of what is on disk, opened while the old one still runs.
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEmbeddedStore } from '../../src/store/embedded/embedded-store.js';
import type { Store } from '../../src/store/store.js';
import type { StoreHarness, StoreTerms } from '../contract/store/harness.js';

// In memory where there is such a place: random lives commit thousands of times.
const PLACE = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

export function embeddedHarness(): StoreHarness {
  let folder: string | undefined;
  let files = 0;
  const opened = new Map<Store, { path: string; terms: StoreTerms }>();
  const newPath = (): string => {
    folder ??= mkdtempSync(join(PLACE, 'mayfly-store-'));
    mkdirSync(join(folder, String(++files)));
    return join(folder, String(files), 'mayfly.db');
  };
  const open = (path: string, clock: Parameters<StoreHarness['open']>[0], terms: StoreTerms): Store => {
    const store = openEmbeddedStore({ path, clock, ...terms });
    opened.set(store, { path, terms });
    return store;
  };

  return {
    open: (clock, terms) => Promise.resolve(open(newPath(), clock, terms)),
    async crash(store, clock) {
      const { path, terms } = opened.get(store)!;
      // Another file: the lock on the first one belongs to a process that is still alive.
      const copy = newPath();
      for (const suffix of ['', '-wal'])
        if (existsSync(path + suffix)) copyFileSync(path + suffix, copy + suffix);
      await store.close();
      opened.delete(store);
      return open(copy, clock, terms);
    },
    async close() {
      for (const store of opened.keys()) await store.close();
      opened.clear();
      if (folder) rmSync(folder, { recursive: true });
      folder = undefined;
    },
  };
}
