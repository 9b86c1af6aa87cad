// Where state is kept, as the file writes it: a database file of one broker's own, or a Redis that several share.
import { z } from 'zod';
import { goWith, neverHere, serverName, variableName } from './members.js';
import { duration, listOf, redisUrl, serverAddress, text } from './values.js';

const tlsShape = {
  ca_file: text().optional().describe("the authorities that vouch for Redis, PEM; Node's own when absent"),
  certificate_file: text().optional().describe('our certificate, PEM, for a Redis that asks for one'),
  key_file: text().optional().describe('the private key of certificate_file, PEM'),
  server_name: serverName
    .optional()
    .describe("the name that certificates of Redis are held to; each server's own host when absent"),
};

const embeddedMembers = {
  path: text().describe('the database file, relative to this file'),
};

export const redisMembers = {
  url: redisUrl.optional().describe('one Redis, such as redis://127.0.0.1:6379/0; rediss:// is TLS'),
  cluster: listOf(serverAddress('redis-1.example:6379'))
    .optional()
    .describe('some nodes of a Redis Cluster, such as [redis-1.example:6379]; the others are learnt'),
  sentinels: listOf(serverAddress('sentinel-1.example:26379'))
    .optional()
    .describe('Sentinels that know where the master is, such as [sentinel-1.example:26379]'),
  master: text().optional().describe('what the sentinels call the master, such as mymaster'),
  prefix: z
    .string()
    .regex(/^[A-Za-z0-9_.:-]{1,64}$/, 'must be 1 to 64 letters, digits, dots, colons, - and _')
    .prefault('mayfly')
    .describe('what every key begins with: brokers with the same one share their state'),
  username: text().optional().describe('the ACL user; the default user when absent'),
  password: neverHere('password'),
  password_file: text().optional().describe('a file with the password and nothing else'),
  password_env: variableName.optional().describe('the environment variable that holds the password'),
  sentinel_username: text().optional().describe("the sentinels' own ACL user"),
  sentinel_password: neverHere('sentinel_password'),
  sentinel_password_file: text().optional().describe("a file with the sentinels' own password"),
  sentinel_password_env: variableName
    .optional()
    .describe("the environment variable that holds the sentinels' own password"),
  tls: z
    .union(
      [z.boolean(), z.strictObject(tlsShape)],
      'must be true, or a mapping such as { ca_file: ./redis-ca.pem }',
    )
    .optional()
    .describe('TLS, to sentinels as well: true, or how, such as { ca_file: ./redis-ca.pem }'),
  min_replicas: z
    .int('must be a whole number from 0 to 5')
    .min(0, 'must be a whole number from 0 to 5')
    .max(5, 'must be a whole number from 0 to 5')
    .prefault(0)
    .describe('how many replicas must have a kill or a close before it is acknowledged'),
  replica_timeout: duration('10ms', '1m').prefault('1s').describe('how long those replicas are waited for'),
  command_timeout: duration('100ms', '1m')
    .prefault('2s')
    .describe('how long a call may take before Redis counts as unavailable'),
  dangerously_without_aof: z
    .boolean()
    .prefault(false)
    .describe('start although a crash of Redis loses what was acknowledged'),
  dangerously_with_eviction: z
    .boolean()
    .prefault(false)
    .describe('start although Redis throws records away when its memory is full'),
};

type RedisName = Exclude<keyof typeof redisMembers, 'password' | 'sentinel_password'>;
const redisNames = (Object.keys(redisMembers) as (keyof typeof redisMembers)[]).filter(
  (name): name is RedisName => name !== 'password' && name !== 'sentinel_password',
);

const kindPurpose = 'where state is kept: embedded or redis';

export const storeSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('embedded').describe(kindPurpose),
    ...embeddedMembers,
    ...goWith('redis', redisNames),
  }),
  z
    .strictObject({
      kind: z.literal('redis').describe(kindPurpose),
      ...redisMembers,
      ...goWith('embedded', ['path']),
    })
    // For editors; we say the same in words (store-contradictions.ts).
    .meta({
      oneOf: [['url'], ['cluster'], ['sentinels', 'master']].map((required) => ({
        type: 'object',
        required,
      })),
    }),
]);

export type StoreConfiguration = z.output<typeof storeSchema>;
export type RedisConfiguration = Extract<StoreConfiguration, { kind: 'redis' }>;
