// `mayfly policy`: for whoever writes policies. Checks them, tests them, and tells why they decide as they do.
import type { Command } from 'commander';
import { brokerCommand } from './broker-command.js';
import { usage } from './failure.js';
import type { CheckOptions, ExplainOptions, PolicyOptions, ReplayOptions } from './policy/options.js';
import { USUAL_PLACES } from './serve.js';
import type { Shell } from './shell.js';

export function addPolicy(program: Command, shell: Shell): void {
  const policy = program.command('policy').description('policies: for those who write them');
  addCheck(policy, shell);
  addTest(policy, shell);
  addExplain(policy, shell);
  addReplay(policy, shell);
}

// Each action loads its parts by itself: no other command needs them, and each of them starts faster without.

function addCheck(policy: Command, shell: Shell): void {
  atHand(policy.command('check').description('mistakes in policies, and what is probably not meant'))
    .option('--strict', 'warnings fail, too')
    .action(async (options: CheckOptions) => (await import('./policy/check.js')).check(options, shell));
}

function addTest(policy: Command, shell: Shell): void {
  atHand(
    policy
      .command('test [file...]')
      .description('decide cases and compare; without a file, those of *.test.yaml beside the policies'),
  ).action(async (files: string[], options: PolicyOptions) =>
    (await import('./policy/test.js')).test(files, options, shell),
  );
}

function addExplain(policy: Command, shell: Shell): void {
  policiesOf(
    brokerCommand(
      policy,
      'explain [file...]',
      'why a case or a recorded request is decided as it is, and what would change that',
    ),
  )
    .option('--case <name>', 'a case, as `mayfly policy test` finds them')
    .option('--request <id>', 'what a broker has on record: req_… (operator, auditor)')
    .action(async (files: string[], options: ExplainOptions) => {
      if ((options.case === undefined) === (options.request === undefined))
        throw usage('give one of --case and --request');
      await (await import('./policy/explain.js')).explain(files, options, shell);
    });
}

function addReplay(policy: Command, shell: Shell): void {
  policiesOf(
    brokerCommand(
      policy,
      'replay',
      'decide again what a broker has on record, and tell what would come out otherwise (operator, auditor)',
    ),
  )
    .requiredOption('--since <when>', 'back to: a duration (24h, 7d) or a time (2026-03-01T18:00:00Z)')
    .action(async (options: ReplayOptions) => (await import('./policy/replay.js')).replay(options, shell));
}

const atHand = (command: Command): Command =>
  policiesOf(command).option('--json', 'for programs: JSON, errors too');

const policiesOf = (command: Command): Command =>
  command
    .option('--policies <path>', 'a folder of policies, or one file; else those of the configuration')
    .option('--config <file>', `whose catalogue counts; MAYFLY_CONFIG, or ${USUAL_PLACES.join(' or ')}`);
