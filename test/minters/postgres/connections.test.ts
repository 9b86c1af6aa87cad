// Sessions of the broker's own role: what the server is told when each begins.
import { describe, expect, test } from '@jest/globals';
import { SECOND_MS } from '../../../src/domain/duration.js';
import { Connections, PATIENCE } from '../../../src/minters/postgres/connections.js';
import { PostgresServer, hasPostgres } from '../../fixtures/postgres.js';
import { credentialFor, prepare } from './scene.js';

/** For how long the kill of a lease is one broker's (src/revocation/sweeper.ts). */
const LOAN_MS = 30 * SECOND_MS;

(hasPostgres ? describe : describe.skip)('a session of the broker', () => {
  test.each(['mint', 'kill'] as const)(
    'for a %s ends at the server while its loan lasts, where the machine of the broker has gone without a word',
    async (purpose) => {
      const server = await PostgresServer.start();
      await prepare(server);
      const connections = new Connections(credentialFor(server), PATIENCE);
      try {
        const first = `SELECT name, setting::int AS value FROM pg_settings WHERE name LIKE 'tcp%'`;
        const told = await connections.session({ purpose, first }, (_session, [rows = []]) =>
          Promise.resolve(new Map(rows.map(({ name, value }) => [name, Number(value)]))),
        );
        const [idle, interval, count] = ['idle', 'interval', 'count'].map(
          (what) => told.get(`tcp_keepalives_${what}`) ?? NaN,
        ) as [number, number, number];
        expect(idle).toBeGreaterThan(0);
        expect((idle + interval * count) * SECOND_MS).toBeLessThan(LOAN_MS);
        expect(told.get('tcp_user_timeout')).toBeGreaterThan(0);
        expect(told.get('tcp_user_timeout')).toBeLessThan(LOAN_MS);
      } finally {
        await connections.close();
        await server.close();
      }
    },
  );
});
