// How jest runs our TypeScript as ES modules; started by test/run.mjs.

export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '\\.long\\.test\\.ts$'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: { target: 'es2023', parser: { syntax: 'typescript' } },
        module: { type: 'es6' },
        sourceMaps: 'inline',
      },
    ],
  },
  coverageProvider: 'v8',
  collectCoverageFrom: ['src/**/*.ts'],
  watchman: false,
  testSequencer: '<rootDir>/test/longest-first.mjs',
  maxWorkers: 3,
  // Modules of files that are done stay in memory (Node keeps what vm made of them), and a large heap is slow to collect:
  // with a gigabyte of it, files took three times as long.
  workerIdleMemoryLimit: '400MB',
  testTimeout: 30_000,
  reporters: ['default', '<rootDir>/test/reporter.mjs'],
};
