// `npm test`: makes ready what tests need, then runs jest. Arguments go to jest: `npm test -- test/store`.
// `--long` runs the *.long.test.ts files instead; MAYFLY_TEST_REQUIRE=all makes an absent part a failure.
import { build, install, run } from '../scripts/project.mjs';
import { parts, provide } from './parts.mjs';

const long = ['--testMatch=<rootDir>/test/**/*.long.test.ts', '--testPathIgnorePatterns=/node_modules/'];
const args = process.argv.slice(2);

if (install() !== 0) {
  console.log('npm ci failed\n0 passed, 1 failed');
  process.exit(1);
}

// End-to-end tests run dist/, so what does not compile counts as a failure, and the other tests run all the same.
const brokenBuild = build() !== 0;
const absent = provide(parts);
const refused = process.env.MAYFLY_TEST_REQUIRE === 'all' ? absent.length : 0;
const failedBefore = (brokenBuild ? 1 : 0) + refused;

const status = run(
  process.execPath,
  [
    '--experimental-vm-modules',
    // As src/cli/mayfly.ts sets it: tests ask the reference of Cedar, which is WASM, a hundred thousand times.
    ...(process.version.startsWith('v20.')
      ? ['--no-turbo-inline-js-wasm-calls', '--wasm-tiering-budget=20000000']
      : []),
    '--disable-warning=ExperimentalWarning',
    'node_modules/jest/bin/jest.js',
    // First, because an option with a list takes whatever follows it for more of the list.
    ...args.filter((arg) => arg !== '--long'),
    ...(args.includes('--long') ? [...long, '--passWithNoTests'] : []),
  ],
  {
    ...process.env,
    // The AWS SDK says in every worker that it will want Node 22 next year.
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
    // Read by tests that do without an absent part, and by the reporter.
    MAYFLY_TEST_ABSENT: absent.map((part) => part.name).join(','),
    MAYFLY_TEST_NOTES: [
      ...(brokenBuild ? ['failed: the build'] : []),
      ...absent.map(
        (part) => `absent: ${part.name} (apt: ${part.apt.join(' ')}), needed by ${part.neededBy}`,
      ),
    ].join('\n'),
    MAYFLY_TEST_FAILED_BEFORE: String(failedBefore + Number(process.env.MAYFLY_TEST_FAILED_BEFORE ?? 0)),
  },
);
process.exitCode = status || (failedBefore > 0 ? 1 : 0);
