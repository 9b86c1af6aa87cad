// What a broker tells everybody, and its metrics: `mayfly status`, `mayfly keys`, `mayfly openapi`, `mayfly metrics`.
import type { Command } from 'commander';
import { showDuration } from '../domain/duration.js';
import { type BrokerOptions, brokerCommand, connect, jsonText, show } from './broker-command.js';
import { EXIT, Failure } from './failure.js';
import { plain } from './plain.js';
import type { Shell } from './shell.js';
import { facts, table } from './table.js';

export function addStatus(program: Command, shell: Shell): void {
  brokerCommand(program, 'status', 'whether a broker is ready; needs no token').action(
    async (options: BrokerOptions) => {
      const connection = connect(options, shell);
      const { client } = connection;
      const readiness = await client.readiness();
      const { issuer } = await client.metadata();
      const { keys } = await client.jwks();
      const aheadMs = connection.now() - Date.now();
      const status = { url: client.url, ...readiness, issuer, keys: keys.length, clock_ahead_ms: aheadMs };
      show(shell, options, status, ({ url, ready, why }) =>
        facts([
          ['broker', url],
          ['ready', ready ? 'yes' : `no: ${why ?? 'it does not say why'}`],
          ['issuer', issuer],
          ['keys', String(keys.length)],
          [
            'clock',
            aheadMs === 0
              ? 'agrees with ours'
              : `${showDuration(Math.abs(aheadMs))} ${aheadMs > 0 ? 'ahead of' : 'behind'} ours`,
          ],
        ]),
      );
      if (!readiness.ready) throw new Failure(EXIT.unavailable, 'the broker is not ready');
    },
  );
}

export function addKeys(program: Command, shell: Shell): void {
  brokerCommand(
    program,
    'keys',
    'the keys that credentials are signed with; --json: the JWKS; needs no token',
  ).action(async (options: BrokerOptions) => {
    const keySet = await connect(options, shell).client.jwks();
    show(shell, options, keySet, ({ keys }) =>
      table(
        ['kid', 'algorithm', 'type'],
        keys.map(({ kid = '', kty, alg }) => [kid, typeof alg === 'string' ? alg : '', kty]),
      ),
    );
  });
}

export function addOpenapi(program: Command, shell: Shell): void {
  brokerCommand(program, 'openapi', 'the contract as an OpenAPI document; needs no token').action(
    async (options: BrokerOptions) => shell.out(jsonText(await connect(options, shell).client.openapi())),
  );
}

export function addMetrics(program: Command, shell: Shell): void {
  brokerCommand(program, 'metrics', 'what the broker counts, for Prometheus (operator, auditor)').action(
    async (options: BrokerOptions) => {
      const text = await connect(options, shell).client.readMetrics();
      if (options.json) shell.out(jsonText({ metrics: text }));
      else shell.out(text.trimEnd().split('\n').map(plain).join('\n'));
    },
  );
}
