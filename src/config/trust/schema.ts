// Whose tokens are believed, as the file writes it: one form for each kind of issuer.
import { z } from 'zod';
import { githubShape } from './github.js';
import { kubernetesShape } from './kubernetes.js';
import { goWith } from './members.js';
import { oidcShape } from './oidc.js';
import { spiffeShape } from './spiffe.js';

export const trustShapes = {
  oidc: oidcShape,
  kubernetes: kubernetesShape,
  github: githubShape,
  spiffe: spiffeShape,
};
export type TrustKind = keyof typeof trustShapes;

const ISSUERS = ['oidc', 'kubernetes', 'github'];
const notIssuer = { issuer: ISSUERS, jwks_uri: ISSUERS, jwks_file: ISSUERS };
const notSpiffe = { trust_domain: ['spiffe'], bundle_file: ['spiffe'], bundle_endpoint: ['spiffe'] };
const notKubernetes = { token_file: ['kubernetes'] };
const notGithub = { runs: ['github'] };

export const trustSchema = z.discriminatedUnion('kind', [
  z.strictObject({ ...oidcShape, ...goWith({ ...notKubernetes, ...notGithub, ...notSpiffe }) }),
  z.strictObject({ ...kubernetesShape, ...goWith({ ...notGithub, ...notSpiffe }) }),
  z.strictObject({ ...githubShape, ...goWith({ ...notKubernetes, ...notSpiffe }) }),
  z.strictObject({ ...spiffeShape, ...goWith({ ...notIssuer, ...notKubernetes, ...notGithub }) }),
]);

export type TrustConfiguration = z.output<typeof trustSchema>;
