// What is wrong with a case that has the right form: a slip in a name would otherwise pass as a denial that was expected.
import type { Mistake, Path } from '../../config/mistakes.js';
import type { YamlSource } from '../../config/source.js';
import { lineageOf } from '../../domain/ids.js';
import { nearest } from '../../domain/nearest.js';
import type { Catalogue } from '../../domain/tool.js';
import type { AtHand } from './at-hand.js';
import { taskIdOf } from './case-input.js';
import type { WrittenCase } from './case-schema.js';

type Say = (path: Path, message: string) => void;

/** @param cases with the defaults in them; `written` as the file has them */
export function slipsIn(
  cases: readonly WrittenCase[],
  written: readonly WrittenCase[],
  source: YamlSource,
  { catalogue, loaded }: AtHand,
): Mistake[] {
  const policies = loaded.set.policies.map(({ name }) => name);
  const names = cases.map(({ name }) => name);
  return cases.flatMap((one, index) => {
    const mistakes: Mistake[] = [];
    const own: Path = ['cases', index];
    const say: Say = (path, message) => {
      const inCase = [...own, ...path];
      const inDefaults = ['defaults', ...path];
      const at = !source.has(inCase) && source.has(inDefaults) ? inDefaults : inCase;
      mistakes.push(source.mistake(at, message));
    };
    if (names.indexOf(one.name) < index) say(['name'], 'is the name of another case as well');
    if (!one.principal?.trust) say(['principal', 'trust'], 'is missing: who vouches for it');
    if (!one.principal?.subject) say(['principal', 'subject'], 'is missing: the `sub` of its token');
    if (!one.expect) say(['expect'], 'is missing: permit, deny or approval');
    if (one.action === 'open_task') manifestSlips(one, written[index]!, catalogue, say);
    else toolSlips(one, catalogue, say);
    for (const [at, held] of (one.held ?? []).entries()) unknownTool(held, ['held', at], catalogue, say);
    for (const [at, name] of (one.because ?? []).entries())
      unknown('policy', name, policies, ['because', at], say);
    if (one.expect === 'deny' && one.obligations && written[index]!.obligations)
      say(['obligations'], 'are those of a permit: what is denied obliges to nothing');
    lineageSlips(one, say);
    return mistakes;
  });
}

function toolSlips({ tool, actions, tools }: WrittenCase, catalogue: Catalogue, say: Say): void {
  if (tools) say(['tools'], 'is for open_task: write `tool` and `actions`');
  if (tool === undefined) say(['tool'], 'is missing: the tool that is asked for');
  if (actions === undefined) say(['actions'], 'is missing: what is to be done with the tool, such as [read]');
  if (tool !== undefined) unknownActions(tool, actions ?? [], [], catalogue, say);
}

function manifestSlips({ tools }: WrittenCase, own: WrittenCase, catalogue: Catalogue, say: Say): void {
  // What the defaults say is for the other cases of the file.
  for (const member of ['tool', 'actions', 'resources'] as const)
    if (own[member] !== undefined)
      say([member], 'is not for open_task: write `tools`, as a manifest has them');
  if (tools === undefined)
    say(['tools'], 'is missing: what the manifest holds, such as [{ tool: crm, actions: [read] }]');
  for (const [index, entry] of (tools ?? []).entries())
    unknownActions(entry.tool, entry.actions, ['tools', index], catalogue, say);
}

function unknownActions(
  tool: string,
  actions: readonly string[],
  below: Path,
  catalogue: Catalogue,
  say: Say,
): void {
  const offered = unknownTool(tool, [...below, 'tool'], catalogue, say);
  for (const [index, action] of actions.entries())
    if (offered) unknown('action', action, offered.actions, [...below, 'actions', index], say);
}

function unknownTool(
  name: string,
  path: Path,
  catalogue: Catalogue,
  say: Say,
): ReturnType<Catalogue['byName']> {
  const tools = catalogue.all().map((tool) => tool.name);
  unknown('tool', name, tools, path, say);
  return catalogue.byName(name);
}

const MOST_NAMED = 12;

function unknown(what: string, name: string, known: readonly string[], path: Path, say: Say): void {
  if (known.includes(name)) return;
  const meant = nearest(name, known);
  const all = known.length > MOST_NAMED ? '' : `: there is ${known.join(', ')}`;
  say(path, `${name} is no ${what} that there is${meant === undefined ? all : `: did you mean ${meant}?`}`);
}

function lineageSlips(one: WrittenCase, say: Say): void {
  const id = taskIdOf(one);
  const lineage: ReadonlySet<string> = new Set(lineageOf(id).slice(1));
  for (const [index, above] of (one.task?.above ?? []).entries())
    if (!lineage.has(above.id))
      say(
        ['task', 'above', index, 'id'],
        `${above.id} is not above ${id}: a child's id is its parent's, a dot and a name, such as ${above.id}.part`,
      );
}
