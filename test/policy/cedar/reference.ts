// The reference implementation of Cedar, asked directly: what the evaluator of ours is held against.
import { readFileSync } from 'node:fs';
import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import type { CedarValueJson, PolicyJson } from '@cedar-policy/cedar-wasm/nodejs';
import { scopesOf } from '../../../src/policy/cedar/decide.js';
import type { Scope } from '../../../src/policy/cedar/expression.js';
import { SCHEMA_PATH } from '../../../src/policy/cedar/load.js';
import type { RecordedRequest } from '../../../src/policy/cedar/request.js';

const SET = 'policies';
const SCHEMA = readFileSync(SCHEMA_PATH, 'utf8');
/** The policies that it has read last. */
let read: object | undefined;

/** What the reference finds wrong with one policy. */
export function flawsIn(policy: string): string[] {
  const answer = cedar.validate({ schema: SCHEMA, policies: { staticPolicies: policy } });
  return answer.type === 'failure'
    ? answer.errors.map(({ message }) => message)
    : answer.validationErrors.map(({ error }) => error.message);
}

export function jsonOf(policy: string): PolicyJson {
  const answer = cedar.policyToJson(policy);
  if (answer.type === 'failure') throw new Error(answer.errors[0]!.message);
  return answer.json;
}

export interface Said {
  readonly decision: 'allow' | 'deny';
  readonly satisfied: readonly string[];
  readonly errored: readonly string[];
}

/** The reference's answer to the one decision of a request, with the names of the policies. */
export function ask(policies: Readonly<Record<string, string>>, request: RecordedRequest): Said {
  if (read !== policies) {
    const parsed = cedar.preparsePolicySet(SET, { staticPolicies: { ...policies } });
    if (parsed.type === 'failure') throw new Error(parsed.errors[0]!.message);
    read = policies;
  }
  const { principal, action, resource, context } = scopesOf(request)[0]!.scope;
  const answer = cedar.statefulIsAuthorized({
    principal: uid(principal),
    action: uid(action),
    resource: uid(resource),
    context: jsonForm(context, request),
    preparsedPolicySetId: SET,
    entities: [principal, resource].map((one) => ({
      uid: uid(one),
      attrs: one.attrs as Record<string, CedarValueJson>,
      tags: (one.tags ?? {}) as Record<string, CedarValueJson>,
      parents: [],
    })),
  });
  if (answer.type === 'failure') throw new Error(answer.errors[0]!.message);
  const { decision, diagnostics } = answer.response;
  return {
    decision,
    satisfied: diagnostics.reason,
    errored: diagnostics.errors.map(({ policyId }) => policyId),
  };
}

const extension = (fn: string, arg: string): CedarValueJson => ({ __extn: { fn, arg } });

/** In the form in which the reference takes values of extension types. */
export function jsonForm(
  context: Scope['context'],
  { address, now }: RecordedRequest,
): Record<string, CedarValueJson> {
  const { network: _, time, ...rest } = context as Record<string, CedarValueJson>;
  return {
    ...rest,
    network: address === undefined ? {} : { address: extension('ip', address) },
    time: { ...(time as object), now: extension('datetime', new Date(now).toISOString()) },
  };
}

export const uid = ({ type, id }: Scope['principal']) => ({ type, id });
