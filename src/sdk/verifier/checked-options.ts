// The options of a verifier, with what they leave out, and without what cannot be meant.
import { MayflyError } from '../client/errors.js';
import { openBy, openByNode } from './feed/opening.js';
import type { ProtectedTool, VerifierOptions } from './options.js';

const MAX_STALENESS_MS = 5000;
const MOST_REMEMBERED = 10_000;
const PLANES: ReadonlySet<unknown> = new Set(['tool', 'data', 'cloud']);

/** @throws MayflyError `ERR_USAGE` */
export function checked(options: VerifierOptions, url: string) {
  const {
    issuer = url,
    tools,
    maxStalenessMs = MAX_STALENESS_MS,
    mostRemembered = MOST_REMEMBERED,
    whenStale = 'refuse',
    reportCalls = true,
    onEvent,
    fetch: fetched,
  } = options;
  if (!(maxStalenessMs > 0 && Number.isFinite(maxStalenessMs))) throw wrong('maxStalenessMs');
  if (!(mostRemembered >= 2 && Number.isFinite(mostRemembered))) throw wrong('mostRemembered');
  if (whenStale !== 'refuse' && whenStale !== 'introspect') throw wrong('whenStale');
  const byName = new Map(Object.entries((tools as typeof tools | undefined) ?? {}));
  if (byName.size === 0) throw wrong('tools: there is none');
  for (const [name, tool] of byName) checkTool(name, tool);
  return {
    issuer,
    tools: byName as ReadonlyMap<string, ProtectedTool>,
    maxStalenessMs,
    mostRemembered,
    whenStale,
    reportCalls,
    onEvent,
    fetch: fetched ?? globalThis.fetch,
    open: fetched ? openBy(fetched) : openByNode,
  };
}

function checkTool(name: string, { audience, plane, baseUrl }: ProtectedTool): void {
  if (typeof audience !== 'string' || audience === '')
    throw wrong(`tools.${name}.audience`, 'as in the catalogue');
  if (!PLANES.has(plane)) throw wrong(`tools.${name}.plane`, 'tool, data or cloud');
  if (baseUrl !== undefined && !/^https?:\/\//.test(baseUrl)) throw wrong(`tools.${name}.baseUrl`);
}

const wrong = (what: string, right?: string): MayflyError =>
  new MayflyError(
    'ERR_USAGE',
    `the verifier's ${what} is not right${right === undefined ? '' : `: ${right}`}`,
  );
