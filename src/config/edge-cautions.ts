// Where callers and we may not speak the same of TLS, and whose word on addresses is taken.
import { isIP } from 'node:net';
import type { ServingCertificate } from './certificate-files.js';
import { untimely } from './certificate-files.js';
import type { FixedSettings } from './settings.js';
import { DAY_MS } from '../domain/duration.js';

type Edge = Partial<Pick<FixedSettings, 'issuer' | 'tls' | 'trustedProxies'>>;

export function edgeCautions({ issuer = '', tls, trustedProxies = [] }: Edge): readonly string[] {
  const cautions: string[] = [];
  if (issuer.startsWith('https:') && !tls && trustedProxies.length === 0) {
    cautions.push(
      'listen: issuer is https, and nothing here speaks it: configure tls, or name the proxy that does in trusted_proxies',
    );
  }
  if (issuer.startsWith('http:') && tls) {
    cautions.push('issuer: is plain http, and callers can reach this broker by https alone: write https');
  }
  const everybody = trustedProxies.find((range) => range.endsWith('/0'));
  if (everybody !== undefined) {
    cautions.push(
      `trusted_proxies: ${everybody} is everybody: each caller chooses the address it is limited by`,
    );
  }
  return cautions;
}

const ENDS_SOON_MS = 7 * DAY_MS;

/** What nobody who checks would accept, or soon will not. */
export function certificateCautions(
  certificate: ServingCertificate,
  issuer: string,
  now: number,
): readonly string[] {
  const host = new URL(issuer).hostname.replace(/^\[(.*)\]$/, '$1');
  const time = untimely(certificate, now);
  const ends = new Date(certificate.notAfter).toISOString();
  return [
    ...(time === undefined ? [] : [`${time}: callers that check it turn away`]),
    ...(time === undefined && certificate.notAfter - now < ENDS_SOON_MS ? [`expires soon, on ${ends}`] : []),
    ...(certificate.names(host)
      ? []
      : [`is not for ${isIP(host) === 0 ? host : `the address ${host}`}, the host of issuer`]),
  ];
}
