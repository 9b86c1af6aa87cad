// Thousands of new keys are exported while the garbage collector is at work: Node 20 stood still where a key was of its job.
import { expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const built = new URL('../../dist/keys/generated-pair.js', import.meta.url).href;
const program = `const { generatedPair } = await import('${built}');
for (let made = 0; made < 10_000; made++) generatedPair('ES256').publicKey.export({ format: 'jwk' });
console.log('done');`;

test('none of ten thousand exports stops the process', () => {
  const args = ['--max-semi-space-size=1', '--input-type=module', '-e', program];
  const cwd = fileURLToPath(new URL('../..', import.meta.url));
  const { stdout } = spawnSync(process.execPath, args, { cwd, timeout: 100_000, encoding: 'utf8' });
  expect(stdout).toBe('done\n');
}, 120_000);
