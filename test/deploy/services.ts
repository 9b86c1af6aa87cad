// The services of docker-compose.yml without their containers: each by its own command and configuration, with
// addresses and folders of this machine in the place of its own.
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { tied } from '../fixtures/tied.js';
import { until } from '../fixtures/until.js';
import { composeFile } from './compose-file.js';
import { lastOf, readDockerfile } from './dockerfile.js';

const { services } = composeFile();
const image = readDockerfile().at(-1)!;

export const hasNginx = spawnSync('nginx', ['-v'], { stdio: 'ignore' }).status === 0;

export interface RunningService {
  readonly pid: number;
  /** What it wrote to standard error. */
  log(): string;
  /** Tells it to end, by SIGTERM unless another signal is its own; resolves with its exit code and signal. */
  stop(signal?: NodeJS.Signals): Promise<readonly [code: number | null, signal: NodeJS.Signals | null]>;
}

/** Resolves when the service is well, as its health check has it. */
async function start(
  [program = '', ...args]: readonly string[],
  isWell: () => boolean | Promise<boolean>,
  options: { env?: NodeJS.ProcessEnv; uid?: number; gid?: number } = {},
): Promise<RunningService> {
  const child = spawn(...tied(program, args), { ...options, stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  const ended = new Promise<readonly [number | null, NodeJS.Signals | null]>((done) =>
    child.once('exit', (code, signal) => done([code, signal])),
  );
  const stop = (signal: NodeJS.Signals = 'SIGTERM'): typeof ended => {
    child.kill(signal);
    return ended;
  };
  try {
    await until(`${program} is well`, isWell, {
      everyMs: 50,
      givingUp: () => (child.exitCode === null ? undefined : log),
    });
  } catch (error) {
    await stop('SIGKILL');
    throw error;
  }
  return { pid: child.pid!, log: () => log, stop };
}

const isOk = (url: string): Promise<boolean> =>
  fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );

export interface RedisPlace {
  /** Where its data goes. */
  readonly folder: string;
  readonly port: number;
  readonly passwordFile: string;
}

export function startRedis({ folder, port, passwordFile }: RedisPlace): Promise<RunningService> {
  const { command = [], healthcheck } = services['redis']!;
  const configuration = readFileSync('deploy/redis/redis.conf', 'utf8')
    .replace('port 6379', `port ${port}`)
    .replace('bind *', 'bind 127.0.0.1')
    .replace('dir /data', `dir ${folder}`);
  writeFileSync(join(folder, 'redis.conf'), configuration);
  // Compose writes `$$` for a dollar sign.
  const check = healthcheck!.test[1]!.replaceAll('$$', '$')
    .replace('/run/secrets/redis-password', passwordFile)
    .replace('redis-cli', `redis-cli -p ${port}`);
  return start(
    command.map((word) => word.replace('/etc/redis/', 'deploy/redis/')),
    () => spawnSync('sh', ['-c', check], { stdio: 'ignore' }).status === 0,
    { env: { ...process.env, PASSWORD_FILE: passwordFile, CONFIGURATION_FILE: join(folder, 'redis.conf') } },
  );
}

/** As in its container, it is not root. */
const NOBODY = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

export interface ProxyPlace {
  /** Takes the place of /tmp. */
  readonly folder: string;
  readonly port: number;
  readonly brokerPorts: readonly number[];
}

export function startProxy({ folder, port, brokerPorts }: ProxyPlace): Promise<RunningService> {
  let configuration = readFileSync('deploy/proxy/nginx.conf', 'utf8')
    .replace('listen 8420', `listen 127.0.0.1:${port}`)
    .replaceAll('/tmp/', `${folder}/`);
  for (const [index, brokerPort] of brokerPorts.entries()) {
    configuration = configuration.replace(`broker-${index + 1}:8420`, `127.0.0.1:${brokerPort}`);
  }
  chmodSync(folder, 0o777);
  writeFileSync(join(folder, 'nginx.conf'), configuration);
  const { entrypoint = [], healthcheck } = services['proxy']!;
  const checked = healthcheck!.test.at(-1)!.replace('8420', String(port));
  return start(
    entrypoint.map((word) => word.replace('/etc/mayfly-proxy/', `${folder}/`)),
    () => isOk(checked),
    NOBODY,
  );
}

export interface BrokerPlace {
  /** Where its configuration is written. */
  readonly folder: string;
  readonly port: number;
  readonly redisPort: number;
  /** Where the proxy is. */
  readonly issuer: string;
  readonly secrets: string;
}

/** By the build in dist/: that the image has the same is asked in image.long.test.ts. */
export function startBroker({
  folder,
  port,
  redisPort,
  issuer,
  secrets,
}: BrokerPlace): Promise<RunningService> {
  const configuration = readFileSync('deploy/mayfly/mayfly.yaml', 'utf8')
    .replace('issuer: http://127.0.0.1:8420', `issuer: ${issuer}`)
    .replace('listen: 0.0.0.0:8420', `listen: 127.0.0.1:${port}`)
    .replace('172.28.84.0/24', '127.0.0.1')
    .replace('redis://redis:6379', `redis://127.0.0.1:${redisPort}`)
    .replace('/run/secrets/redis-password', join(secrets, 'redis-password'))
    .replace('/run/secrets/try-jwks', join(secrets, 'try-jwks.json'));
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'mayfly.yaml');
  writeFileSync(file, configuration);
  const { MAYFLY_SEAL_KEY_FILE = '' } = services['broker-1']!.environment!;
  return start(
    [process.execPath, resolve('dist/cli/mayfly.js'), ...JSON.parse(lastOf(image, 'CMD')!)],
    () => isOk(`http://127.0.0.1:${port}/readyz`),
    {
      env: {
        PATH: process.env['PATH'],
        MAYFLY_CONFIG: file,
        MAYFLY_SEAL_KEY_FILE: MAYFLY_SEAL_KEY_FILE.replace('/run/secrets', secrets),
      },
    },
  );
}
