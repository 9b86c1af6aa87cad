// How a mistake that the reference found is told: in its words, but for those that lead whoever is new to us astray.
import { nearest } from '../../domain/nearest.js';
import { ACTIONS } from './actions.js';

interface Replaced {
  readonly met: RegExp;
  /** What the reference advises instead: the name that is spelt most alike, of another kind of thing. */
  readonly help: (...groups: string[]) => string;
}

const REPLACED: readonly Replaced[] = [
  {
    met: /^attribute `([^`]+)` on entity type `(?:Agent|Orchestrator)` not found/,
    help: (claim) =>
      `claims are tags, and may be absent: principal.hasTag("${claim}") && principal.getTag("${claim}").contains("…")`,
  },
  {
    met: /^unrecognized action `Action::"([^"]*)"`/,
    help: (name) =>
      `there is ${ACTIONS.join(', ')}; what is asked of the tool is in context.actions, as texts: context.actions.contains("${name}")`,
  },
];

/** A type of the reference's own, which nobody can write. */
const SOMETHING_WITH_MEMBERS = '__cedar::internal::AnyEntity, or __cedar::internal::OpenRecord{}';

export function mistakeText(message: string, help: string | null | undefined): string {
  const told = message.replace(SOMETHING_WITH_MEMBERS, 'something that has members');
  for (const { met, help: instead } of REPLACED) {
    const found = met.exec(message);
    if (found && !isNear(found[1]!)) return `${told}: ${instead(...found.slice(1))}`;
  }
  const ofSet = told.endsWith(' but saw Set<String>') && told !== message;
  const advice = ofSet ? 'a set is asked with .contains("…")' : help;
  return advice ? `${told}: ${advice}` : told;
}

/** `Action::"Exchange"`, `principal.subjct`: a slip of the pen, which the reference's own advice mends. */
const isNear = (name: string): boolean => nearest(name, [...ACTIONS, 'subject', 'trust']) !== undefined;
