// Reads a checked token by the rules of its trust's kind.
import { principalName } from '../../domain/ids.js';
import type { Refusal } from '../../domain/refusal.js';
import type { TrustedIssuer } from '../trust.js';
import { githubJob } from './github.js';
import { kubernetesWorkload } from './kubernetes.js';
import { spiffeWorkload } from './spiffe.js';
import type { Claims, Workload } from './workload.js';

/** The signature, the audience and the times were found good before. */
export function workloadOf(trust: TrustedIssuer, subject: string, claims: Claims): Workload | Refusal {
  switch (trust.kind) {
    case 'oidc':
      return { name: principalName(trust.name, subject), facts: claims, instances: {} };
    case 'kubernetes':
      return kubernetesWorkload(trust, subject, claims);
    case 'github':
      return githubJob(trust, subject, claims);
    case 'spiffe':
      return spiffeWorkload(trust, subject, claims);
  }
}
