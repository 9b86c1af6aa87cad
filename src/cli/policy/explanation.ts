// An explanation of a decision, as programs get it and as people read it.
import type { Lacking, Part } from '../../policy/cedar/explain.js';
import { explain } from '../../policy/cedar/explain.js';
import { expressionText } from '../../policy/cedar/parse.js';
import { told } from '../../policy/cedar/cedar-policy.js';
import type { CompiledPolicy } from '../../policy/cedar/compiled-policy.js';
import type { RecordedRequest } from '../../policy/cedar/request.js';
import { plain } from '../plain.js';
import type { AtHand } from './at-hand.js';
import { placeText } from './at-hand.js';
import { decisionText, decisionView } from './decision-text.js';
import { requestFacts, requestTitle } from './request-text.js';

/** What a part came to: `holds` is absent where it could not be evaluated. */
interface PartView {
  readonly condition: string;
  readonly holds?: boolean;
  readonly why?: string;
}

interface NamedPolicy {
  readonly name: string;
  readonly place: string;
}

/** A permit, and what it lacks. */
type NearView = NamedPolicy & { readonly failing: readonly PartView[] };

export interface ExplanationView {
  readonly request: RecordedRequest;
  /** In a line, for people. */
  readonly line: string;
  readonly policies: readonly NamedPolicy[];
  readonly forbidding: readonly (NamedPolicy & {
    readonly on: readonly { readonly tool: string; readonly task: string }[];
    readonly conditions: readonly PartView[];
  })[];
  readonly lacking: readonly {
    readonly tool: string;
    /** In which the same is lacking. */
    readonly tasks: readonly string[];
    readonly nearest: readonly NearView[];
  }[];
}

export function explanationOf({ loaded, placed }: AtHand, request: RecordedRequest): ExplanationView {
  const { outcome, forbidding, lacking } = explain(loaded.set, request);
  const decision = told(outcome, request);
  const named = ({ name, place }: CompiledPolicy): NamedPolicy => ({ name, place: placeText(placed(place)) });
  return {
    request,
    line: decisionText(decision),
    ...decisionView(decision),
    policies: outcome.determining.map(named),
    forbidding: forbidding.map(({ policy, on, parts }) => ({
      ...named(policy),
      on,
      conditions: parts.map(partView),
    })),
    lacking: lackingViews(lacking, named),
  };
}

function lackingViews(
  lacking: readonly Lacking[],
  named: (policy: CompiledPolicy) => NamedPolicy,
): ExplanationView['lacking'] {
  const views = new Map<string, { tool: string; tasks: string[]; nearest: NearView[] }>();
  for (const { tool, task, nearest } of lacking) {
    const near = nearest.map(({ policy, failing }) => ({ ...named(policy), failing: failing.map(partView) }));
    const key = JSON.stringify([tool, near]);
    const known = views.get(key);
    if (known) known.tasks.push(task);
    else views.set(key, { tool, tasks: [task], nearest: near });
  }
  return [...views.values()];
}

const partView = ({ body, value, why }: Part): PartView => ({
  condition: expressionText(body),
  ...(value !== undefined && { holds: value }),
  ...(why !== undefined && { why }),
});

const MOST_NEAREST = 3;

export function explanationText({
  of,
  recorded,
  request,
  line,
  policies,
  forbidding,
  lacking,
}: ExplanationView & {
  readonly of: string;
  readonly recorded?: { readonly decision: string; readonly determining: readonly string[] };
}): string {
  const then = recorded && `then: ${recorded.decision} by ${recorded.determining.join(', ') || 'no policy'}`;
  const head = [of, requestTitle(request), ...(then === undefined ? [] : [then]), line];
  return [
    ...head.map(plain),
    ...section(
      'decided by',
      policies.map(({ name, place }) => `${name} (${place})`),
    ),
    '',
    'looked at',
    requestFacts(request),
    ...section('what would have to change', [
      ...forbidding.flatMap(forbiddingLines),
      ...lacking.flatMap(lackingLines),
    ]),
  ].join('\n');
}

const section = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : ['', title, ...lines.map((line) => plain(`  ${line}`))];

function forbiddingLines({ name, place, on, conditions }: ExplanationView['forbidding'][number]): string[] {
  const where = [...new Set(on.map(({ tool, task }) => `${tool} in ${task}`))].join(', ');
  return conditions.length === 0
    ? [`${name} (${place}) forbids ${where}, whatever the conditions`]
    : [`${name} (${place}) forbids ${where}, as long as`, ...conditions.map(partLine)];
}

function lackingLines({ tool, tasks, nearest }: ExplanationView['lacking'][number]): string[] {
  if (nearest.length === 0) return [`no permit is about this action with ${tool}: write one`];
  const more = nearest.length - MOST_NEAREST;
  return [
    `nothing permits ${tool} in ${tasks.join(', ')}; nearest ${nearest.length === 1 ? 'is' : 'are'}`,
    ...nearest
      .slice(0, MOST_NEAREST)
      .flatMap(({ name, place, failing }) => [
        `  ${name} (${place}), but for`,
        ...failing.map((part) => `  ${partLine(part)}`),
      ]),
    ...(more > 0 ? [`  and ${more} more: --json has them`] : []),
  ];
}

function partLine({ condition, holds, why }: PartView): string {
  if (holds === undefined) return `  cannot be evaluated  ${condition}  (${why})`;
  return `  ${holds ? 'true ' : 'false'}  ${condition}`;
}
