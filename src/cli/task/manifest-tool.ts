// A tool of a manifest as it is written on a command line: `crm:read,write@customers/*,orders/*`.
import { InvalidArgumentError } from 'commander';
import type { OpenTaskBody } from '../../wire/tasks.js';

export type WrittenTool = OpenTaskBody['tools'][number];

const FORM = 'A tool and its actions, and resources where they are limited: crm:read,write@customers/*';

/** The first `:` ends the name and the first `@` the actions, so that resources may hold either. */
export function manifestTool(written: string): WrittenTool {
  const [, tool, actions, resources] = /^([^:@]+):([^@]+)(?:@(.+))?$/.exec(written) ?? [];
  if (tool === undefined || actions === undefined) throw new InvalidArgumentError(FORM);
  return {
    tool,
    actions: listed(actions),
    ...(resources !== undefined && { resources: listed(resources) }),
  };
}

function listed(written: string): string[] {
  const members = written.split(',').map((member) => member.trim());
  if (members.includes('')) throw new InvalidArgumentError(FORM);
  return members;
}

export const collectTools = (written: string, before: readonly WrittenTool[] = []): WrittenTool[] => [
  ...before,
  manifestTool(written),
];
