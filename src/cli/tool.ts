// `mayfly tool`: the catalogue, and what verifiers have to tell of its tools.
import type { Command } from 'commander';
import { showDuration } from '../domain/duration.js';
import type { ToolView } from '../wire/tools.js';
import { type BrokerOptions, brokerCommand, connect, showList } from './broker-command.js';
import type { Shell } from './shell.js';
import { table } from './table.js';
import { addToolReport } from './tool/report.js';

export function addTool(program: Command, shell: Shell): void {
  const tool = program.command('tool').description('tools: what credentials are there for');
  brokerCommand(tool, 'list', 'the catalogue').action(async (options: BrokerOptions) => {
    const { client } = connect(options, shell);
    await showList(shell, options, {
      page: async () => ({ tools: await client.listTools() }),
      items: ({ tools }) => tools,
      none: 'the catalogue is empty',
      render: toolsText,
    });
  });
  addToolReport(tool, shell);
}

const toolsText = (tools: readonly ToolView[]): string =>
  table(
    ['tool', 'plane', 'actions', 'kind', 'sensitivity', 'longest', 'renewable', 'audience'],
    tools.map((tool) => [
      tool.name,
      tool.plane,
      tool.actions.join(' '),
      tool.kind,
      tool.sensitivity,
      showDuration(tool.max_ttl_seconds * 1000),
      tool.renewable ? 'yes' : 'no',
      tool.audience,
    ]),
  );
