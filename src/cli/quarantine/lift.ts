// `mayfly quarantine lift`: lets an agent ask again. What it had stays dead.
import type { Command } from 'commander';
import { type BrokerOptions, brokerCommand, connect, show } from '../broker-command.js';
import { plain } from '../plain.js';
import type { Shell } from '../shell.js';

export function addQuarantineLift(quarantine: Command, shell: Shell): void {
  brokerCommand(quarantine, 'lift <agent>', 'let an agent ask again; what was revoked stays revoked').action(
    async (agent: string, options: BrokerOptions) => {
      const view = await connect(options, shell).client.liftQuarantine(agent);
      show(shell, options, view, (lifted) => `${plain(lifted.agent)} may ask for credentials again`);
    },
  );
}
