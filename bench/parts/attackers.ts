// Attackers as processes of their own, so that what they do costs neither the broker nor the honest load anything but time.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Attack, AttackKind, AttackTerms } from './attacks.js';

export type Attacked = Pick<Attack, 'opened' | 'closed' | 'answers'>;

export interface Attacker {
  stop(): Promise<Attacked>;
}

const script = new URL('attacker.ts', import.meta.url).pathname;
const STOP_WITHIN_MS = 10_000;

export async function startAttacker(kind: AttackKind, terms: AttackTerms): Promise<Attacker> {
  const child = spawn(process.execPath, ['--import', 'tsx', script, kind, JSON.stringify(terms)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const killNow = (): void => void child.kill('SIGKILL');
  process.once('exit', killNow);
  let said = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (text: string) => (said += text));
  await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'exit').then(() => Promise.reject(new Error(`the attacker ${kind} did not start`))),
  ]);
  return {
    async stop() {
      const ended = once(child, 'close');
      child.kill('SIGTERM');
      const overdue = setTimeout(killNow, STOP_WITHIN_MS);
      await ended;
      clearTimeout(overdue);
      process.off('exit', killNow);
      return JSON.parse(said.trim().split('\n').at(-1) ?? '{}') as Attacked;
    },
  };
}
