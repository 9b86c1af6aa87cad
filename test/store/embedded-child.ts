// Another process with an embedded store: what it says on its output is what was acknowledged to it.
// Started by embedded.test.ts as `tsx embedded-child.ts <path> <how many leases to issue>`.
import { systemClock } from '../../src/domain/clock.js';
import { openEmbeddedStore } from '../../src/store/embedded/embedded-store.js';
import { entry, granted, newTask, tokenRequest } from '../contract/store/scene.js';
import { TERMS } from '../contract/store/harness.js';

const [path = '', leases = '0'] = process.argv.slice(2);
const say = (line: string): void => void process.stdout.write(`${line}\n`);

try {
  const store = openEmbeddedStore({ path, clock: systemClock(), ...TERMS });
  granted(await store.openTask(newTask('run-1'), entry()));
  for (let n = 0; n < Number(leases); n++) {
    try {
      say(granted(await store.issueLease(tokenRequest('run-1'), entry())).id);
    } catch (error) {
      say(`failed: ${(error as Error).name}: ${(error as Error).message}`);
      say(`ailment: ${await store.ailment()}`);
      say(
        `read: ${await store.listLeases({ limit: 1 }).then(
          () => 'answered',
          (cause: Error) => cause.name,
        )}`,
      );
      break;
    }
  }
} catch (error) {
  say(`${(error as Error).name}: ${(error as Error).message}`);
}
