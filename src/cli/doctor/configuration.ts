// The configuration: every mistake, and what is allowed and yet should not pass in silence.
import { cautionsAbout } from '../../config/cautions.js';
import { loadSettings } from '../../config/load.js';
import { ConfigurationError } from '../../config/mistakes.js';
import type { Settings } from '../../config/settings.js';
import { isLoopback } from '../../domain/loopback.js';
import { notPermitted } from '../../policy/cedar/not-permitted.js';
import { type Finding, broken, caution, ok } from './finding.js';

export interface Read {
  readonly findings: readonly Finding[];
  /** Absent where it has mistakes: nothing can be looked up in it then. */
  readonly settings?: Settings;
}

export async function readConfiguration(path: string): Promise<Read> {
  try {
    const settings = await loadSettings(path);
    const names = settings.trust.map(({ name }) => name).join(' ');
    const good = ok('configuration', `${path} has no mistake: ${settings.issuer}, trust ${names}`);
    return { settings, findings: [good, ...cautionsIn(settings)] };
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return {
      findings: error.mistakes.map(({ file, line, column, path: member, message }) => {
        const place = line === undefined ? file : `${file}:${line}:${column}`;
        return broken(
          'configuration',
          [place, member, message].filter((part) => part !== '').join(': '),
          line === undefined
            ? 'Give a file that can be read: --config, MAYFLY_CONFIG.'
            : `Correct line ${line}; ${file.endsWith('.cedar') ? 'docs/policy.md tells how policies are written' : 'docs/configuration.md tells of every setting'}. Nothing else could be looked at.`,
        );
      }),
    };
  }
}

const WHERE = 'docs/operations.md and docs/transport.md tell what it means. Mean it, or change it.';

function cautionsIn(settings: Settings): Finding[] {
  const found = cautionsAbout(settings).map((text) => caution('configuration', text, WHERE));
  return [...found, ...policyFindings(settings), ...edgeCautions(settings)];
}

function policyFindings({ policies }: Settings): Finding[] {
  if (!policies) return [ok('policies', 'none are configured: manifests alone bound what agents get')];
  const { set, warnings } = policies;
  return [
    ok('policies', `${set.policies.length} policies have no mistake`),
    ...notPermitted(set.policies).map((told) => caution('policies', told, 'Permit it, or mean it.')),
    ...warnings.map(({ file, line, message }) =>
      caution('policies', `${file}:${line}: ${message}`, '`mayfly policy check` tells more.'),
    ),
  ];
}

/** What callers come through before they reach us. */
function edgeCautions({ issuer, listen, tls, trustedProxies }: Settings): Finding[] {
  const { protocol, hostname } = new URL(issuer);
  const everywhere = trustedProxies.find((range) => /^(?:0\.0\.0\.0|::)\/0$/.test(range));
  const found: Finding[] = [];
  if (everywhere !== undefined)
    found.push(
      broken(
        'trusted_proxies',
        `${everywhere} believes everybody: each caller can say that it comes from any address, and limits per address hold nobody`,
        'Name the addresses of your proxies alone.',
      ),
    );
  if (protocol === 'https:' && !tls && !isLoopback(listen.host))
    found.push(
      caution(
        'listen',
        `the issuer is https, and ${listen.host}:${listen.port} is plain http: who can read that network reads tokens`,
        'Configure tls, or listen where only the proxy in front can reach it.',
      ),
    );
  if (protocol === 'https:' && !tls && !isLoopback(hostname) && trustedProxies.length === 0)
    found.push(
      caution(
        'trusted_proxies',
        'a proxy must stand in front, and none is named: limits and the audit log see its address as that of every caller',
        'Name it in trusted_proxies.',
      ),
    );
  return found;
}
