// trust of kind kubernetes: projected service-account tokens of one cluster.
import { z } from 'zod';
import { globMatches } from '../../domain/glob.js';
import { issuerUrl, text } from '../values.js';
import { commonMembers, issuerMembers } from './members.js';
import type { RuleClaims, RuleFlaw, RuleKind } from './rules.js';
import { factOf } from './rules.js';

const name = (what: string) =>
  factOf(
    /^[a-z0-9.*-]{1,253}$/,
    `must be the name of a ${what} alone, or a glob of it: lower-case letters, digits, dots, - and *`,
    `the ${what}, by name or glob`,
  );
const uid = (what: string) =>
  factOf(/^[A-Za-z0-9*-]{1,64}$/, `must be the uid of a ${what}, in quotes`, `the uid of the ${what}`);

/** With signs that no token has, so that only a star stands for them: a glob of this is one of every account's `sub`. */
const ANY_SUBJECT = 'system:serviceaccount:\0:\0';

const rules: RuleKind = {
  kind: 'kubernetes',
  example: '{ namespace: agents, service_account: "agent-*" }',
  facts: {
    namespace: factOf(
      /^[a-z0-9*-]{1,63}$/,
      'must be the name of a namespace, or a glob of it: lower-case letters, digits, - and *',
      'the namespace, by name or glob',
    ),
    service_account: name('service account'),
    service_account_uid: uid('service account'),
    pod: name('pod').describe('the pod that the token is bound to, by name or glob; "*" is any pod'),
    pod_uid: uid('pod'),
    node: name('node'),
  },
  claims: ['sub', 'aud', 'iss', 'jti'],
  isOpen: (claim, value) =>
    claim === 'sub' && (/^system:serviceaccount:[*:]*$/.test(value) || globMatches(value, ANY_SUBJECT)),
  flaw: (claims) => wholeBinding(claims) ?? anyNamespace(claims),
};

const wholeBinding = (claims: RuleClaims): RuleFlaw | undefined =>
  Object.hasOwn(claims, 'kubernetes.io')
    ? {
        claim: 'kubernetes.io',
        message: 'cannot be compared as a whole: name namespace, service_account, pod, pod_uid or node',
      }
    : undefined;

/** Whoever may make a namespace could have a service account of any name in it, and a pod. */
function anyNamespace(claims: RuleClaims): RuleFlaw | undefined {
  if (['namespace', 'sub', 'service_account_uid', 'pod_uid'].some((one) => Object.hasOwn(claims, one)))
    return undefined;
  return {
    message:
      'would hold in every namespace, and whoever may make one could take the name: say namespace as well ("*" for all)',
  };
}

export const kubernetesShape = {
  kind: z.literal('kubernetes').describe('the kind of issuer: oidc, kubernetes, github or spiffe'),
  ...commonMembers({ algorithms: ['RS256'], maxTokenAge: '24h', rules }),
  ...issuerMembers,
  issuer: issuerUrl.describe(
    "the cluster's --service-account-issuer, as `kubectl get --raw /.well-known/openid-configuration` shows it",
  ),
  token_file: text()
    .optional()
    .describe(
      'a file with the token that the API server is shown when it is asked for its keys; read each time',
    ),
};
