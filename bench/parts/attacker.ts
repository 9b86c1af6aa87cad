// One attacker in a process of its own: goes on until it is told to stop, and says how far it got.
import type { AttackKind, AttackTerms } from './attacks.js';
import { attack } from './attacks.js';

const [kind = '', terms = ''] = process.argv.slice(2);
const going = attack(kind as AttackKind, JSON.parse(terms) as AttackTerms);

process.once('SIGTERM', () => {
  const { opened, closed, answers } = going;
  going.stop();
  process.stdout.write(`${JSON.stringify({ opened, closed, answers })}\n`, () => process.exit(0));
});
process.stdout.write('attacking\n');
