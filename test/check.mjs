// `npm run check`: everything that must hold before a change lands. Every step runs, whatever failed before it.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { performance } from 'node:perf_hooks';
import { binary, install, root } from '../scripts/project.mjs';

const steps = [
  { name: 'types', args: [binary('tsc'), '--noEmit'] },
  { name: 'lint', args: [binary('oxlint'), '--type-aware', '--deny-warnings'] },
  { name: 'format', args: [binary('prettier'), '--check', '--log-level', 'warn', '.'] },
  { name: 'layers', args: ['test/checks/layers.mjs'] },
  { name: 'circles', args: ['test/checks/circles.mjs'] },
  { name: 'dead code', args: [binary('knip'), '--no-progress', '--no-config-hints'] },
];
const countLine = /^\d+ passed, \d+ failed(, \d+ skipped)?$/;

/**
 * Runs one step on our own terminal. The line with the counts of tests is held back, to be printed last.
 *
 * @param {string} name
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} env
 */
async function runStep(name, args, env = process.env) {
  console.log(`\n── ${name}`);
  const started = performance.now();
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.once('close', resolve));
  let counts = '';
  for await (const line of createInterface({ input: child.stdout })) {
    if (countLine.test(line)) counts = line;
    else console.log(line);
  }
  const passed = (await ended) === 0;
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${passed ? 'ok' : 'FAILED'} ${name}, ${seconds} s`);
  return { name, passed, seconds, counts };
}

if (install() !== 0) {
  console.log('npm ci failed\n0 passed, 1 failed');
  process.exit(1);
}

const results = [];
for (const { name, args } of steps) results.push(await runStep(name, args));
const failedSteps = results.filter((result) => !result.passed).length;
const tests = await runStep('tests', ['test/run.mjs'], {
  ...process.env,
  MAYFLY_TEST_FAILED_BEFORE: String(failedSteps),
});

console.log('');
for (const { name, passed, seconds } of [...results, tests]) {
  console.log(`${passed ? 'ok    ' : 'FAILED'} ${name.padEnd(10)} ${seconds.padStart(6)} s`);
}
console.log(tests.counts || `0 passed, ${failedSteps + 1} failed`);
process.exitCode = tests.passed && failedSteps === 0 ? 0 : 1;
