// `mayfly doctor`: what is wrong with a set-up, and what to do. Changes nothing, and needs no broker that runs.
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { given } from './arguments.js';
import { jsonText } from './broker-command.js';
import type { Finding, Level } from './doctor/finding.js';
import { EXIT, Failure, usage } from './failure.js';
import { plain } from './plain.js';
import { USUAL_PLACES } from './serve.js';
import type { Shell } from './shell.js';
import { tokenSource } from './workload-token.js';

interface DoctorOptions {
  readonly config?: string;
  readonly url?: string;
  readonly tokenFile?: string;
  readonly dpopKey?: string;
  readonly json?: true;
  readonly dangerouslyPlainHttp?: true;
}

export function addDoctor(program: Command, shell: Shell): void {
  program
    .command('doctor')
    .description('find out what is wrong with a set-up, and what to do; changes nothing')
    .option(
      '--config <file>',
      `the configuration of a broker; MAYFLY_CONFIG, or ${USUAL_PLACES.join(' or ')}`,
    )
    .option('--url <url>', 'a broker that runs; MAYFLY_URL')
    .option(
      '--token-file <file>',
      'a workload token: who would it be, and if nobody, why? MAYFLY_TOKEN_FILE, or the value of MAYFLY_TOKEN',
    )
    .option('--dpop-key <file>', 'the key that proofs are made with; MAYFLY_DPOP_KEY_FILE')
    .option('--json', 'for programs: JSON, errors too')
    .option('--dangerously-plain-http', 'send the token over http to another machine')
    .action((options: DoctorOptions) => doctor(options, shell));
}

async function doctor(options: DoctorOptions, shell: Shell): Promise<void> {
  const { environment } = shell;
  const config =
    options.config ?? environment.configPath ?? (options.url === undefined ? usualPlace() : undefined);
  const url = options.url ?? environment.url;
  if (config === undefined && url === undefined)
    throw usage(`there is nothing to look at: give --config or --url, or write ${USUAL_PLACES.join(' or ')}`);
  const { dangerouslyPlainHttp } = options;
  const hasToken = (options.tokenFile ?? environment.tokenFile ?? environment.token) !== undefined;
  const keyFile = options.dpopKey ?? environment.dpopKeyFile;
  // Only now: no other command needs these parts.
  const { examine } = await import('./doctor/examine.js');
  const findings = await examine({
    ...(config !== undefined && { config }),
    ...(url !== undefined && { broker: { url, ...given({ dangerouslyPlainHttp }) } }),
    ...(hasToken && { token: tokenSource(options.tokenFile, environment) }),
    ...given({ keyFile }),
  });
  const count = (level: Level): number => findings.filter((finding) => finding.level === level).length;
  const [wrong, doubtful] = [count('broken'), count('caution')];
  if (options.json) shell.out(jsonText({ broken: wrong, cautions: doubtful, findings }));
  else shell.out(findingsText(findings));
  if (wrong > 0) throw new Failure(EXIT.refused, `${wrong} of ${findings.length} things are broken`);
  if (!options.json)
    shell.out(doubtful === 0 ? 'All is well.' : `Nothing is broken; ${doubtful} to think about.`);
}

const usualPlace = (): string | undefined => USUAL_PLACES.find((place) => existsSync(place));

const MARKS: Readonly<Record<Level, string>> = { ok: 'ok      ', caution: 'caution ', broken: 'BROKEN  ' };

/** What is broken stands last, where a person looks first. */
function findingsText(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ check }) => check.length)) + 2;
  return (['ok', 'caution', 'broken'] as const)
    .flatMap((level) => findings.filter((finding) => finding.level === level))
    .flatMap(({ check, level, found, todo }) => {
      const lines = [`${MARKS[level]}${plain(check).padEnd(width)}${plain(found)}`];
      if (todo !== undefined) lines.push(`${' '.repeat(MARKS[level].length + width)}→ ${plain(todo)}`);
      return lines;
    })
    .join('\n');
}
