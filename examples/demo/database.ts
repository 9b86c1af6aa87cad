// A database with orders in it, where this machine has PostgreSQL: agents get logins to it, each for one task.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Client } from 'pg';
import { freePort } from './port.js';
import { makeCluster, postgresPrograms, unprivileged } from './postgres.js';

const ADMIN = { user: 'admin', password: 'of-the-admin' };
const BROKER = { user: 'mayfly_broker', password: 'of-the-broker' };
const NAME = 'shop';
const READY_WITHIN_MS = 20_000;

export interface Database {
  readonly port: number;
  readonly name: string;
  /** The broker's own role, and the file that its password is in. */
  readonly user: string;
  readonly passwordFile: string;
  /** A session, as an agent opens it with what it was given. */
  connect(login: { readonly user: string; readonly password: string }): Promise<Client>;
  stop(): Promise<void>;
}

/** Undefined where this machine has no PostgreSQL. */
export async function startDatabase(): Promise<Database | undefined> {
  if (postgresPrograms === undefined) return undefined;
  const folder = makeCluster('mayfly-demo-postgres-', ADMIN);
  const port = await freePort();
  const settings = ['fsync = off', "listen_addresses = '127.0.0.1'", 'shared_buffers = 16MB', ''];
  appendFileSync(path.join(folder, 'data', 'postgresql.conf'), settings.join('\n'));
  const passwordFile = path.join(folder, 'broker-password');
  writeFileSync(passwordFile, BROKER.password, { mode: 0o600 });
  const child = spawn(
    path.join(postgresPrograms, 'postgres'),
    ['-D', path.join(folder, 'data'), '-p', String(port), '-k', folder],
    { stdio: 'ignore', cwd: folder, ...unprivileged },
  );
  const ended = once(child, 'exit');
  // It must not be left behind, however we end.
  const killNow = (): void => void child.kill('SIGQUIT');
  process.once('exit', killNow);

  const connect = async (as: { user: string; password: string }, database = NAME): Promise<Client> => {
    const { user, password } = as;
    const client = new Client({ host: '127.0.0.1', port, user, password, database, ssl: false });
    // What breaks a session is told by what it is asked.
    client.on('error', () => {});
    await client.connect();
    return client;
  };
  const stop = async (): Promise<void> => {
    killNow();
    await ended;
    process.off('exit', killNow);
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  try {
    await fill(connect);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, name: NAME, user: BROKER.user, passwordFile, connect, stop };
}

type Connect = (as: { user: string; password: string }, database?: string) => Promise<Client>;

/** The table, and the broker's role with the rights that it passes on, and no more (docs/postgres.md). */
async function fill(connect: Connect): Promise<void> {
  const admin = await whenReady(() => connect(ADMIN, 'postgres'));
  await admin.query(`CREATE DATABASE ${NAME}`);
  await admin.end();
  const shop = await connect(ADMIN);
  await shop.query(`CREATE TABLE orders (customer int, what text);
    INSERT INTO orders VALUES (42, 'an engine'), (42, 'cards'), (43, 'a compiler');
    CREATE ROLE ${BROKER.user} LOGIN CREATEROLE PASSWORD '${BROKER.password}';
    GRANT pg_signal_backend TO ${BROKER.user};
    GRANT SELECT ON orders TO ${BROKER.user} WITH GRANT OPTION`);
  await shop.end();
}

async function whenReady(connect: () => Promise<Client>): Promise<Client> {
  for (const until = performance.now() + READY_WITHIN_MS; ;) {
    try {
      return await connect();
    } catch (error) {
      if (performance.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
