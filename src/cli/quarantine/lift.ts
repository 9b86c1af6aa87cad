// `mayfly quarantine lift`: lets an agent ask again. What it had stays dead.
import type { Command } from 'commander';
import type { QuarantineView } from '../../wire/revocations.js';
import { type BrokerOptions, brokerCommand, connect, show } from '../broker-command.js';
import { plain } from '../plain.js';
import type { Shell } from '../shell.js';

export function addQuarantineLift(quarantine: Command, shell: Shell): void {
  brokerCommand(quarantine, 'lift <agent>', 'let an agent ask again; what was revoked stays revoked').action(
    async (agent: string, options: BrokerOptions) => {
      // One segment whatever the name holds: a SPIFFE ID has slashes.
      const path = `/v1/quarantines/${encodeURIComponent(agent)}`;
      const answer = await connect(options, shell).delete<QuarantineView>(path);
      show(shell, options, answer, (lifted) => `${plain(lifted.agent)} may ask for credentials again`);
    },
  );
}
