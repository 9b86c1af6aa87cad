// `npm run demo`: a real identity provider, the broker, a tool and a database on this machine, and the story of one task.
// With --keep everything stays up afterwards, for you to go on with curl; with --no-database there is none.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startBroker } from './broker.js';
import { AUDIENCE, configuration, CRM_AUDIENCE } from './configuration.js';
import { startCrm } from './crm.js';
import { startDatabase } from './database.js';
import type { Proof } from './idp.js';
import { startIdp } from './idp.js';
import { invitation } from './invitation.js';
import { tell } from './story.js';
import { say, surprised, table } from './telling.js';

const keep = process.argv.includes('--keep');
const withDatabase = !process.argv.includes('--no-database');

/** What was started, to be stopped in the opposite order. */
const started: (() => Promise<void> | void)[] = [];
const interrupted = new Promise<'interrupted'>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => resolve('interrupted'));
});

async function run(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'mayfly-demo-'));
  started.push(() => rmSync(folder, { recursive: true, force: true }));

  // A key of one's own is the better proof; a secret is what curl can show.
  const secret = randomBytes(18).toString('base64url');
  const workload: Proof = keep ? { secret } : 'private_key_jwt';
  const idp = await startIdp({
    audience: AUDIENCE,
    clients: {
      'agent-7': workload,
      'agent-8': workload,
      'crm-api': workload,
      planner: { secret },
      operator: { secret },
    },
  });
  started.push(() => idp.stop());

  const database = withDatabase ? await startDatabase() : undefined;
  if (database) started.push(() => database.stop());

  const broker = await startBroker(folder, configuration(idp.issuer, database));
  started.push(() => broker.stop());
  await broker.ready();

  const tokens = new Map<string, Promise<string>>();
  const tokenOf = (name: string): Promise<string> => {
    const token = tokens.get(name) ?? idp.tokenFor(name);
    tokens.set(name, token);
    return token;
  };
  // Fetched once, as a workload does: the times that are told below are those of the broker and the CRM.
  for (const name of ['planner', 'agent-7', 'crm-api', 'operator']) await tokenOf(name);

  const crm = await startCrm({
    broker: broker.url,
    audience: CRM_AUDIENCE,
    tool: 'crm',
    ownToken: keep ? () => idp.tokenFor('crm-api') : () => tokenOf('crm-api'),
  });
  started.push(() => crm.stop());

  say(`${database ? 'Four' : 'Three'} parts on this machine:`);
  for (const line of table([
    ['identity provider', idp.issuer, 'oidc-provider, signs the workload tokens'],
    ['broker', broker.url, `mayfly serve, process ${broker.pid}, embedded store`],
    ['crm', crm.url, 'a tool, which checks credentials itself, and hears of kills from the broker'],
    ...(database
      ? [['database', `127.0.0.1:${database.port}`, 'PostgreSQL, where each lease has a role of its own']]
      : []),
  ]))
    say(`  ${line}`);
  if (!database && withDatabase)
    say('PostgreSQL is not on this machine (Debian: postgresql): the story goes without its database.');

  say('The times are what the caller waited.');

  await tell({ broker: broker.url, crm: crm.url, tokenOf, ...(database && { database }) });

  say();
  if (!keep || surprised() > 0) return;
  for (const line of invitation({ idp: idp.issuer, broker: broker.url, crm: crm.url, secret })) say(line);
  await interrupted;
}

async function stopAll(): Promise<void> {
  for (const stop of started.splice(0).reverse()) await stop();
}

try {
  if ((await Promise.race([run(), interrupted])) === 'interrupted' && !keep) process.exitCode = 130;
  if (surprised() > 0) {
    say(`${surprised()} of the steps did not come out as told.`);
    process.exitCode = 1;
  }
} catch (error) {
  console.error(`The demo could not go on: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  await stopAll();
}
if (process.exitCode === undefined)
  say('Everything came out as told. All parts were stopped, and their files removed.');
// An interruption leaves a step on the way: it must not keep us.
process.exit();
