// `mayfly quarantine list`: who may get nothing, since when, and by whose word.
import type { Command } from 'commander';
import type { QuarantineView } from '../../wire/revocations.js';
import { type BrokerOptions, brokerCommand, connect, showList } from '../broker-command.js';
import { clip } from '../plain.js';
import type { Shell } from '../shell.js';
import { table } from '../table.js';
import { when } from '../time.js';

export function addQuarantineList(quarantine: Command, shell: Shell): void {
  brokerCommand(quarantine, 'list', 'agents in quarantine, newest first').action(
    async (options: BrokerOptions) => {
      const connection = connect(options, shell);
      await showList(shell, options, {
        page: async () => ({ quarantines: await connection.client.listQuarantines() }),
        items: ({ quarantines }) => quarantines,
        none: 'no agent is in quarantine',
        render: (quarantines) => quarantinesText(quarantines, connection.now()),
      });
    },
  );
}

const quarantinesText = (quarantines: readonly QuarantineView[], now: number): string =>
  table(
    ['agent', 'since', 'by', 'reason'],
    quarantines.map(({ agent, since, by, reason = '' }) => [agent, when(since, now), by, clip(reason, 60)]),
  );
