// `mayfly quarantine`: agents that get nothing until somebody lifts that.
import type { Command } from 'commander';
import { addQuarantineLift } from './quarantine/lift.js';
import { addQuarantineList } from './quarantine/list.js';
import type { Shell } from './shell.js';

export function addQuarantine(program: Command, shell: Shell): void {
  const quarantine = program.command('quarantine').description('agents that may get nothing (operator)');
  addQuarantineList(quarantine, shell);
  addQuarantineLift(quarantine, shell);
}
