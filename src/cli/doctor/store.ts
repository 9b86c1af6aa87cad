// The store: whether a broker could start on it and keep what it acknowledges.
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Settings } from '../../config/settings.js';
import { type InspectedFile, inspectFile } from '../../store/embedded/inspect.js';
import { type InspectedServer, inspectRedis } from '../../store/redis/inspect.js';
import type { RedisOptions } from '../../store/redis/options.js';
import type { SigningKeyRecord } from '../../store/store.js';
import { troubleIn } from './causes.js';
import { clockFinding } from './clock.js';
import { type Finding, broken, caution, ok } from './finding.js';

export interface StoreFound {
  readonly findings: readonly Finding[];
  /** Absent where they could not be read. */
  readonly signingKeys?: readonly SigningKeyRecord[];
  /** A broker has the store for itself. */
  readonly locked?: true;
}

export const storeFindings = ({ store }: Settings): Promise<StoreFound> | StoreFound =>
  store.kind === 'embedded' ? embedded(store.path) : redis(store);

function embedded(path: string): StoreFound {
  const folder = dirname(path);
  const unwritable = folderFlaw(folder) ?? unwritableText(existsSync(path) ? path : nearest(folder));
  if (unwritable !== undefined)
    return {
      findings: [
        broken('store', unwritable, `Run the broker as a user who may write there, or chown ${folder}.`),
      ],
    };
  if (existsSync(path) && statSync(path).isDirectory())
    return {
      findings: [broken('store', `${path} is a folder`, `Name a file in it: store.path: ${path}/mayfly.db`)],
    };
  const inspected = inspectFile(path);
  const findings = [fileFinding(path, inspected), ...openToOthers(path)];
  if (inspected.state === 'locked') return { findings, locked: true };
  return inspected.state === 'readable' ? { findings, signingKeys: inspected.signingKeys } : { findings };
}

function fileFinding(path: string, inspected: InspectedFile): Finding {
  switch (inspected.state) {
    case 'absent':
      return ok('store', `${path} is not there yet: the broker makes it`);
    case 'locked':
      return ok(
        'store',
        `${path} belongs to a broker that runs, and to nobody else meanwhile: only that one can tell more`,
      );
    case 'unreadable':
      return broken(
        'store',
        `${path} cannot be read: ${inspected.why}`,
        'Start a broker on it; if that fails, restore a backup (docs/operations.md).',
      );
    case 'readable': {
      const { schemaVersion, newestSchemaVersion } = inspected;
      if (schemaVersion > newestSchemaVersion)
        return broken(
          'store',
          `${path} was written by a newer Mayfly (schema ${schemaVersion})`,
          'Run that version, or restore a backup from before.',
        );
      const later =
        schemaVersion < newestSchemaVersion ? ', and is brought up to date at the next start' : '';
      return ok('store', `${path} can be read${later}; no broker has it`);
    }
  }
}

function openToOthers(path: string): Finding[] {
  if (!existsSync(path) || (statSync(path).mode & 0o077) === 0) return [];
  return [caution('store.file', `${path} is open to others on this machine`, `chmod 600 ${path}`)];
}

const folderFlaw = (folder: string): string | undefined =>
  statSync(nearest(folder)).isDirectory() ? undefined : `${nearest(folder)} is no folder`;

/** The folder itself, or the first above it that is there: a broker makes what is missing. */
const nearest = (folder: string): string =>
  existsSync(folder) || dirname(folder) === folder ? folder : nearest(dirname(folder));

function unwritableText(place: string): string | undefined {
  try {
    accessSync(place, constants.W_OK | constants.R_OK);
    return undefined;
  } catch (error) {
    return `${place} cannot be written (${(error as NodeJS.ErrnoException).code})`;
  }
}

async function redis(options: RedisOptions): Promise<StoreFound> {
  try {
    const { servers, signingKeys } = await inspectRedis(options);
    return { findings: servers.flatMap((server) => serverFindings(server)), signingKeys };
  } catch (error) {
    return { findings: [unreachable(error as Error)] };
  }
}

/** What Redis says against us comes as an error with its own word first. */
const SAID: readonly (readonly [said: RegExp, found: string, todo: string])[] = [
  [
    /^WRONGPASS/,
    'Redis does not take the name and password',
    'Compare username and password_file with its users (ACL LIST).',
  ],
  [
    /^NOAUTH/,
    'Redis wants a password, and none is configured',
    'Set password_file or password_env, and username if it has users.',
  ],
  [
    /^NOPERM/,
    'Redis does not let this user do what a broker does',
    'Give it the rights in docs/operations.md, "Its users".',
  ],
  [/^LOADING/, 'Redis is still reading its file', 'Wait until it has.'],
  [/^MISCONF/, 'Redis cannot write to its disk, and takes nothing more', 'Look at its log and its disk.'],
  [
    /sentinel/i,
    'no sentinel could tell which server is the master',
    'Compare sentinels and master with the configuration of the sentinels.',
  ],
];

function unreachable(error: Error): Finding {
  const said = SAID.find(([pattern]) => pattern.test(error.message));
  if (said) return broken('store', `${said[1]} (${error.message})`, said[2]);
  const { why, todo } = troubleIn(error);
  return broken('store', `Redis cannot be reached: ${why}`, todo);
}

const MUCH_OF_MEMORY = 0.85;
const MOST_SKEW_MS = 60_000;

function serverFindings(server: InspectedServer): Finding[] {
  const { address, version, flaws, replicas, memory, aofFails, lackingRights, clockAheadMs } = server;
  const found = flaws.map((flaw) =>
    broken(
      'store',
      `${address}: ${flaw}`,
      'Change that in redis.conf (CONFIG SET does it at once); docs/operations.md tells why.',
    ),
  );
  if (lackingRights && lackingRights.length > 0)
    found.push(
      broken(
        'store.rights',
        `${address}: its user may not ${lackingRights.join(' ')}`,
        'Give it the line in docs/operations.md, "Its users".',
      ),
    );
  if (lackingRights === undefined)
    found.push(
      caution(
        'store.rights',
        `${address}: its user may not ask what it may do`,
        'Give it +acl|dryrun, and ask again.',
      ),
    );
  if (aofFails)
    found.push(
      broken(
        'store.aof',
        `${address}: writing the append-only file fails`,
        'Look at its log and its disk: a full one is the usual reason.',
      ),
    );
  found.push(...memoryFindings(address, memory));
  if (flaws.length === 0)
    found.unshift(
      ok('store', `${address}: Redis ${version}, append-only file, nothing evicted, ${replicas} replicas`),
    );
  const harm = 'a broker starts, and says so; deadlines that callers work out from their own clock are off';
  return [
    ...found,
    clockFinding('clock.store', `the clock of ${address}`, clockAheadMs, { mostMs: MOST_SKEW_MS, harm }),
  ];
}

const mib = (bytes: number): string => `${Math.round(bytes / 1_048_576)} MiB`;

function memoryFindings(address: string, { usedBytes, mostBytes }: InspectedServer['memory']): Finding[] {
  if (mostBytes === 0)
    return [
      caution(
        'store.memory',
        `${address}: maxmemory is not set: when the machine is full, the system ends Redis`,
        'Set maxmemory below what the machine has.',
      ),
    ];
  if (usedBytes < mostBytes * MUCH_OF_MEMORY)
    return [ok('store.memory', `${address}: ${mib(usedBytes)} of ${mib(mostBytes)} used`)];
  return [
    broken(
      'store.memory',
      `${address}: ${mib(usedBytes)} of ${mib(mostBytes)} used: when it is full, nothing is issued`,
      'Raise maxmemory, or shorten lease_retention and audit_retention.',
    ),
  ];
}
