// What no field can be blamed for alone: names given twice, and values that contradict each other.
import { showDuration } from '../domain/duration.js';
import type { TrustedIssuer } from '../identity/trust.js';
import { credentialContradictions } from './credential/contradictions.js';
import type { Draft } from './draft.js';
import type { Mistake, Path } from './mistakes.js';
import type { YamlSource } from './source.js';
import { sameUri } from './same-uri.js';
import { storeContradictions } from './store-contradictions.js';
import { trustContradictions } from './trust/contradictions.js';

type Say = (path: Path, message: string) => void;

/** Trust that the file does not name itself stands beside what it names, and must not collide with it. */
export function contradictionsIn(
  draft: Draft,
  source: YamlSource,
  extraTrust: readonly Pick<TrustedIssuer, 'name' | 'issuer'>[],
): Mistake[] {
  const mistakes: Mistake[] = [];
  const say: Say = (path, message) => void mistakes.push(source.mistake(path, message));
  storeContradictions(draft.store, (path) => source.has(path), say);
  trustContradictions(draft, (path) => source.has(path), extraTrust, say);
  listenerContradictions(draft, say);
  toolContradictions(draft, say);
  credentialContradictions(draft, (path) => source.has(path), say);
  roleContradictions(draft, say);
  timeContradictions(draft, say);
  return mistakes;
}

function listenerContradictions({ listen, operations, metrics }: Draft, say: Say): void {
  const taken = new Map<string, string>();
  const places = { listen, 'operations.listen': operations?.listen, 'metrics.listen': metrics?.listen };
  for (const [name, place] of Object.entries(places)) {
    // Port 0 is any that is free.
    if (!place || place.port === 0) continue;
    const address = `${place.host} ${place.port}`;
    const holder = taken.get(address);
    if (holder === undefined) taken.set(address, name);
    else say(name.split('.'), `is where ${holder} is: give each a port of its own`);
  }
}

function toolContradictions(draft: Draft, say: Say): void {
  const audiences = new Map<string, string>();
  for (const { name, audience } of draft.tools) {
    if (audience === undefined) continue;
    const at = ['tools', name, 'audience'];
    const uri = new URL(audience).href;
    const holder = audiences.get(uri);
    if (holder === undefined) audiences.set(uri, name);
    else say(at, `is the audience of ${holder} as well: a credential must open one tool only`);
    if (sameUri(audience, draft.issuer)) say(at, 'is this broker itself: name the tool');
  }
  planeContradictions(draft, say);
}

/**
 * A verifier that takes an audience for all that lies below it must not take a credential of one plane for one of
 * another: a tool's credential never opens data (invariant 3).
 */
function planeContradictions({ tools }: Draft, say: Say): void {
  for (const { name, plane, audience } of tools) {
    if (audience === undefined || plane === undefined) continue;
    const around = tools.find(
      (other) =>
        other.plane !== undefined &&
        other.plane !== plane &&
        other.audience !== undefined &&
        liesBelow(audience, other.audience),
    );
    if (around)
      say(
        ['tools', name, 'audience'],
        `lies below the audience of ${around.name}, which is of another plane: give each plane audiences of its own`,
      );
  }
}

function liesBelow(uri: string, base: string): boolean {
  const [below, above] = [new URL(uri), new URL(base)];
  const path = above.pathname.endsWith('/') ? above.pathname : `${above.pathname}/`;
  return below.protocol === above.protocol && below.host === above.host && below.pathname.startsWith(path);
}

function roleContradictions(draft: Draft, say: Say): void {
  const known = new Set(draft.tools.map(({ name }) => name));
  if (known.size === 0) return;
  draft.trust.forEach(({ roles }, index) => {
    for (const [role, given] of Object.entries(roles)) {
      const at: Path = ['trust', index, 'roles', role];
      [given].flat().forEach((rule, ruleIndex) => {
        (rule.tools ?? []).forEach((tool, toolIndex) => {
          const place = [...at, ...(Array.isArray(given) ? [ruleIndex] : []), 'tools', toolIndex];
          if (!known.has(tool)) say(place, `${JSON.stringify(tool)} is not in the catalogue under tools`);
        });
      });
    }
  });
}

function timeContradictions(draft: Draft, say: Say): void {
  const { task_retention: retention, tasks, keys, http } = draft;
  const ttls = draft.tools.map(({ name, max_ttl: ttl }): [string, number] => [
    `tools.${name}.max_ttl`,
    ttl ?? 0,
  ]);
  for (const [name, ttl] of [['tasks.max_ttl', tasks?.max_ttl ?? 0] as [string, number], ...ttls]) {
    if (retention === undefined || retention > ttl) continue;
    say(
      ['task_retention'],
      `must be longer than ${name} (${showDuration(ttl)}), or an id could come back while credentials live`,
    );
  }
  if (keys && keys.publish_ahead >= keys.rotate_every) {
    say(['keys', 'publish_ahead'], `must be shorter than rotate_every (${showDuration(keys.rotate_every)})`);
  }
  if (http && http.headers_timeout > http.request_timeout) {
    say(
      ['http', 'headers_timeout'],
      `must not be longer than request_timeout (${showDuration(http.request_timeout)})`,
    );
  }
}
