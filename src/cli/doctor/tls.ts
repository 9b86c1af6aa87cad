// Our own certificate: whether callers will accept it, for how long, and for whose name.
import { readCertificate, untimely } from '../../config/certificate-files.js';
import type { Settings } from '../../config/settings.js';
import { DAY_MS, showDuration } from '../../domain/duration.js';
import { type Finding, broken, caution, ok } from './finding.js';

const CHECK = 'tls';
const SOON_MS = 14 * DAY_MS;

export async function tlsFindings({ tls, issuer }: Settings, now: number): Promise<Finding[]> {
  if (!tls) return [];
  const read = await readCertificate(tls);
  if ('flaws' in read)
    return read.flaws.map(({ member, what }) => broken(CHECK, `${member} ${what}`, 'Replace the file.'));
  const host = new URL(issuer).hostname;
  const bare = host.replace(/^\[|\]$/g, '');
  const found: Finding[] = [];
  const out = untimely(read, now);
  const leftMs = read.notAfter - now;
  const until = new Date(read.notAfter).toISOString().slice(0, 10);
  if (out !== undefined)
    found.push(
      broken(
        CHECK,
        `the certificate ${out}: nobody accepts it`,
        'Renew it; the broker reads the new one by itself.',
      ),
    );
  else if (leftMs < SOON_MS)
    found.push(
      caution(
        CHECK,
        `the certificate ends in ${showDuration(leftMs)}, on ${until}`,
        'Renew it; the broker reads the new one by itself.',
      ),
    );
  if (!read.names(bare))
    found.push(
      broken(
        CHECK,
        `the certificate is not for ${bare}, which is how the issuer calls us`,
        'Have one made for that name, or correct `issuer`.',
      ),
    );
  return found.length > 0 ? found : [ok(CHECK, `the certificate is for ${bare}, and good until ${until}`)];
}
