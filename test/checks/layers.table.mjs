// Who may import what below src/. A key is a folder or a file; the longest that fits a module is its layer.
// A layer may always import itself. `types:x` allows `import type` from x alone. '*' is everything.

const useCase = [
  'broker.ts',
  'domain',
  'store',
  'policy',
  'minters',
  'audit',
  'identity',
  'keys',
  'jws',
  'telemetry',
  'limits',
];
const useCases = ['tasks', 'issuance', 'revocation'];

/** @type {Readonly<Record<string, readonly string[]>>} */
export const layers = {
  domain: [],
  wire: ['domain'],
  jws: ['domain'],
  telemetry: ['domain'],
  audit: ['domain'],
  config: [
    'domain',
    'jws',
    'policy/cedar',
    'minters/aws-sts/session-policy.ts',
    'types:identity',
    'types:limits',
    'types:store/redis',
  ],
  store: ['domain', 'audit', 'types:telemetry'],
  'store/embedded': ['store', 'domain', 'audit'],
  'store/redis': ['store', 'domain', 'audit'],
  keys: ['domain', 'store', 'audit', 'jws'],
  identity: ['domain', 'store', 'jws'],
  policy: ['domain', 'types:telemetry'],
  'policy/cedar': ['domain', 'policy'],
  limits: ['domain', 'audit', 'types:store'],
  minters: ['domain', 'keys', 'jws', 'types:store', 'minters/aws-sts/session-policy.ts'],
  // Pure: what a tool's template comes to is known when the configuration is read.
  'minters/aws-sts/session-policy.ts': ['domain'],
  tasks: [...useCase, 'types:config'],
  // The task of a run opens at its first exchange.
  issuance: [...useCase, 'tasks', 'types:config'],
  revocation: [...useCase, 'types:config'],
  // What use cases are handed: types of the ports, and nothing that does anything.
  'broker.ts': ['domain', 'types:store', 'types:policy', 'types:minters', 'types:keys', 'types:limits'],
  http: [...useCase, ...useCases, 'config', 'wire', 'version.ts'],
  // Whoever uses it gets nothing of the server, and no schemas either.
  sdk: ['types:wire'],
  // Checks what the broker signed, so it goes by the same rules: the pure ones, which need nothing but Node.
  'sdk/verifier': ['sdk', 'sdk/client', 'sdk/verifier/receipt.ts', 'domain', 'jws', 'types:wire'],
  'sdk/verifier/receipt.ts': ['domain', 'jws', 'types:wire'],
  'sdk/agent': ['sdk', 'sdk/client', 'types:wire'],
  'sdk/orchestrator': ['sdk', 'sdk/client', 'types:wire'],
  'sdk/mcp': ['sdk', 'sdk/client', 'sdk/verifier', 'jws', 'types:wire'],
  cli: [
    'wire',
    'config',
    'domain',
    'sdk',
    'sdk/verifier/receipt.ts',
    'cli/serve.ts',
    'cli/dev.ts',
    'cli/doctor.ts',
    'cli/policy.ts',
  ],
  // The two commands that run a broker.
  'cli/serve.ts': ['cli', 'cli/serve'],
  'cli/serve': ['cli', 'config', 'telemetry', 'main.ts'],
  // Looks at the parts that a broker would be made of.
  'cli/doctor.ts': ['cli', 'cli/doctor', 'cli/serve.ts'],
  'cli/doctor': [
    'cli',
    'config',
    'domain',
    'policy/cedar',
    'identity',
    'jws',
    'keys',
    'types:limits',
    'sdk',
    'types:store',
    'store/embedded',
    'store/redis',
  ],
  // Judges policies by the very parts that decide by them.
  'cli/policy.ts': ['cli', 'cli/policy', 'cli/serve.ts'],
  'cli/policy': ['cli', 'cli/serve.ts', 'config', 'domain', 'policy', 'policy/cedar', 'sdk', 'wire'],
  'cli/dev.ts': ['cli', 'cli/dev'],
  'cli/dev': ['cli', 'config', 'domain', 'telemetry', 'main.ts'],
  'version.ts': [],
  // Only the composition root constructs.
  'main.ts': ['*'],
  main: ['*'],
};

/** Where each package may be imported; one that is not named here may be imported nowhere.
 * @type {Readonly<Record<string, readonly string[]>>} */
export const packages = {
  '@aws-sdk/*': ['minters/aws-sts'],
  '@cedar-policy/*': ['policy/cedar'],
  'cli-table3': ['cli'],
  commander: ['cli'],
  express: ['http'],
  ioredis: ['store/redis'],
  '@modelcontextprotocol/*': ['sdk/mcp'],
  jose: ['identity', 'minters', 'keys', 'jws', 'cli/dev'],
  libsql: ['store/embedded'],
  pg: ['minters/postgres'],
  'node-cron': ['main.ts'],
  pino: ['telemetry'],
  'proxy-addr': ['http'],
  'prom-client': ['telemetry'],
  yaml: ['config'],
  zod: ['wire', 'config', 'http', 'identity', 'policy', 'minters', 'cli'],
};

/** Layers that may import only these of Node's own modules; the others may import any.
 * @type {Readonly<Record<string, readonly string[]>>} */
export const builtins = {
  domain: ['node:crypto', 'node:util'],
  wire: [],
};

/**
 * The only places that read the environment: everything else gets its settings handed to it. A program may tell the
 * client which variable its token is in.
 */
export const environment = ['config', 'sdk/client/token-source.ts'];
