// The postgres minter keeps the contract of external minters, on a real server with something in between.
import { describe } from '@jest/globals';
import { describeMinter, type MinterScene } from '../../contract/minter.js';
import { PostgresServer, hasPostgres } from '../../fixtures/postgres.js';
import { Relay } from '../../fixtures/relay.js';
import { roleOf } from '../../../src/minters/postgres/role.js';
import {
  BROKER,
  credentialFor,
  grantOf,
  leaseFor,
  logIn,
  loginIn,
  minterFor,
  prepare,
  toolFor,
} from './scene.js';

async function open(): Promise<MinterScene> {
  const server = await PostgresServer.start();
  await prepare(server);
  const relay = await Relay.start(`http://127.0.0.1:${server.port}`);
  const tool = toolFor(credentialFor({ port: Number(new URL(relay.url).port) }));
  const minter = minterFor(tool);
  const admin = await server.admin('app');
  const direct = relay.target;
  return {
    minter,
    grant: grantOf(tool, ['read']),
    impossible: grantOf(tool, ['table'], ['acc*']),
    secrets: [BROKER.password],
    lease: () => leaseFor(tool),
    exists: async (id) => {
      const { rowCount } = await admin.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [roleOf(id)]);
      return rowCount !== 0;
    },
    opens: async (minted) => {
      try {
        const client = await logIn(server, { ...minted, secret: minted.secret });
        await client.query('SELECT * FROM accounts');
        await client.end();
        return loginIn(minted).database === 'app';
      } catch {
        return false;
      }
    },
    goDown: () => {
      // Nothing listens there.
      relay.target = new URL('http://127.0.0.1:1');
      relay.cut();
    },
    fallSilent: () => relay.hold(),
    breakAt: (step, when) => {
      let said = 0;
      relay.holdsFrom = () => {
        if (++said !== step) return false;
        if (when === 'unsaid') relay.cut();
        else relay.cutAfter(0);
        return false;
      };
    },
    recover: () => {
      relay.holdsFrom = undefined;
      relay.target = direct;
      relay.release();
      relay.cut();
    },
    close: async () => {
      await minter.close();
      await relay.close();
      await server.close();
    },
  };
}

(hasPostgres ? describe : describe.skip)('on a real server', () => describeMinter('postgres', open));
