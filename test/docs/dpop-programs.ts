// The programs that stand on docs/dpop.md, and its tool as something that runs: it lets in whoever proves their key.
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { until } from '../fixtures/until.js';

export const page = readFileSync('docs/dpop.md', 'utf8');

export const program = (name: string): string =>
  new RegExp(`^\`\`\`js ${name}\\n(.*?)^\`\`\`$`, 'ms').exec(page)?.[1] ?? `throw new Error('no ${name}')`;

export const run = (code: string, env: Record<string, string>): ChildProcess =>
  spawn(process.execPath, ['--input-type=module', '--eval', code], {
    env: { PATH: process.env['PATH'], NODE_NO_WARNINGS: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });

const SERVER = `
import { createServer } from 'node:http';
createServer((request, response) => {
  check(request).then(
    () => response.end('customer 42'),
    (error) => response.writeHead(401).end(error.message),
  );
}).listen(Number(new URL(CRM_URL).port), '127.0.0.1');
`;

/** At CRM_URL, for credentials of the broker at MAYFLY_URL. */
export async function startTool(env: { MAYFLY_URL: string; CRM_URL: string }): Promise<ChildProcess> {
  const tool = run(program('tool') + SERVER, env);
  await until('the tool listens', () =>
    fetch(env.CRM_URL).then(
      () => true,
      () => false,
    ),
  );
  return tool;
}
