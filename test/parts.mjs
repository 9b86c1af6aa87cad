// The programs that tests need besides Node: one table, and what is done about those that are not there.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * @typedef {object} Part
 * @property {string} name
 * @property {readonly string[]} probe a command that succeeds where the part is there
 * @property {readonly string[]} apt Debian's packages that bring it
 * @property {string} neededBy which tests do without it when it is absent
 */

/** @type {readonly Part[]} */
export const parts = [
  {
    name: 'awscli',
    probe: ['aws', '--version'],
    apt: ['awscli'],
    neededBy: 'test/e2e/aws-clients.test.ts (the command line of AWS)',
  },
  {
    name: 'ceph',
    probe: ['radosgw', '--version'],
    apt: ['ceph-mon', 'ceph-osd', 'radosgw', 'ceph-common'],
    neededBy:
      'test/minters/aws-sts, test/e2e/aws*.test.ts (AWS STS, IAM and S3), test/fixtures/ceph.test.ts, test/chaos/kill-targets.long.test.ts',
  },
  {
    name: 'curl',
    probe: ['curl', '--version'],
    apt: ['curl'],
    neededBy: 'test/e2e/readme.test.ts, and test/examples: the shell script and the workflow',
  },
  {
    name: 'fish',
    probe: ['fish', '--version'],
    apt: ['fish'],
    neededBy: 'test/cli/completion.test.ts (its completions)',
  },
  {
    name: 'nginx',
    probe: ['nginx', '-v'],
    apt: ['nginx-light'],
    neededBy: 'test/deploy/proxy.test.ts (the proxy of docker-compose.yml)',
  },
  {
    name: 'openssl',
    probe: ['openssl', 'version'],
    apt: ['openssl'],
    neededBy: 'test/e2e/aws-web-identity.long.test.ts (a certificate for the key that Ceph is shown)',
  },
  {
    name: 'postgresql',
    probe: ['sh', '-c', 'ls /usr/lib/postgresql/*/bin/postgres'],
    apt: ['postgresql', 'postgresql-client'],
    neededBy: 'test/minters/postgres, test/e2e/postgres.test.ts, test/chaos/kill-targets.test.ts',
  },
  {
    name: 'python3',
    probe: ['python3', '--version'],
    apt: ['python3'],
    neededBy: 'test/examples/python.test.ts',
  },
  {
    name: 'redis-server',
    probe: ['redis-server', '--version'],
    apt: ['redis-server', 'redis-sentinel', 'redis-tools'],
    neededBy: 'every test on the Redis store: test/store, test/chaos, test/e2e, test/fixtures/redis',
  },
  {
    name: 'spin',
    probe: ['spin', '-V'],
    // It writes a program in C, which is then compiled and run.
    apt: ['spin', 'gcc', 'libc6-dev'],
    neededBy: 'the exploration of the model in spec/',
  },
  {
    name: 'strace',
    probe: ['strace', '-V'],
    apt: ['strace'],
    neededBy: 'test/store/embedded.test.ts (an fsync that fails)',
  },
  {
    name: 'zsh',
    probe: ['zsh', '--version'],
    apt: ['zsh'],
    neededBy: 'test/cli/completion.test.ts (its completions)',
  },
];

/** @param {readonly string[]} command */
function succeeds([program = '', ...args]) {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}

function canInstall() {
  return process.getuid?.() === 0 && succeeds(['apt-get', '--version']);
}

/** Debian makes a database cluster beside the server that it installs, unless this file says otherwise. */
const CLUSTERS = '/etc/postgresql-common/createcluster.conf';

function refuseClusters() {
  if (existsSync(CLUSTERS)) return;
  mkdirSync(dirname(CLUSTERS), { recursive: true });
  writeFileSync(CLUSTERS, 'create_main_cluster = false\n');
}

/** Runlevel 1 keeps Debian from starting the servers that it installs: tests start their own. */
/** @param {readonly string[]} packages */
function installPackages(packages) {
  if (packages.includes('postgresql')) refuseClusters();
  const env = {
    ...process.env,
    DEBIAN_FRONTEND: 'noninteractive',
    RUNLEVEL: '1',
    // What is in a configuration file already stays there.
    UCF_FORCE_CONFFOLD: '1',
  };
  for (const args of [['update'], ['install', '--yes', '--no-install-recommends', ...packages]]) {
    const { status } = spawnSync('apt-get', ['-qq', ...args], { stdio: ['ignore', 2, 2], env });
    if (status !== 0) return;
  }
}

/**
 * Answers the parts that are absent after installing, where this machine allows it, those that were missing.
 *
 * @param {readonly Part[]} wanted
 */
export function provide(wanted, machine = { succeeds, canInstall, installPackages }) {
  const missing = wanted.filter((part) => !machine.succeeds(part.probe));
  if (missing.length === 0 || !machine.canInstall()) return missing;
  machine.installPackages(missing.flatMap((part) => part.apt));
  return missing.filter((part) => !machine.succeeds(part.probe));
}
