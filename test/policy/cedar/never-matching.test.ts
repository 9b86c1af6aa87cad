// What no request can meet is found: a forbid that a slip of the pen has opened looks closed to everybody who reads it.
import { expect, test } from '@jest/globals';
import { neverMatching } from '../../../src/policy/cedar/never-matching.js';
import { CATALOGUE, policiesOf } from './policies.js';

const found = async (text: string): Promise<string[]> =>
  neverMatching((await policiesOf(text)).set.policies, CATALOGUE).map(({ message }) => message);
const forbid = (condition: string, resource = ''): string =>
  `forbid (principal, action, resource${resource}) when { ${condition} };`;

const NEVER = 'this policy never matches, as ';
const FOUND: readonly [text: string, told: string][] = [
  [
    'permit (principal, action, resource == Tool::"crn");',
    `${NEVER}the catalogue has no tool "crn": did you mean "crm"?`,
  ],
  [forbid('resource == Tool::"crn"'), `${NEVER}the catalogue has no tool "crn": did you mean "crm"?`],
  [
    forbid('resource in [Tool::"crm", Tool::"moon"]'),
    'the catalogue has no tool "moon": there is "crm", "search"',
  ],
  [
    forbid('context.actions.contains("raed")'),
    `${NEVER}context.actions never holds "raed": did you mean "read"?`,
  ],
  [
    forbid('context.actions.contains("query")', ' == Tool::"crm"'),
    `${NEVER}context.actions never holds "query": there is "read", "write"`,
  ],
  [
    forbid('context.actions.containsAny(["raed", "write"])'),
    'context.actions never holds "raed": did you mean "read"?',
  ],
  [
    forbid('context.actions.containsAll(["read", "query"])'),
    `${NEVER}no tool offers "read" and "query" together`,
  ],
  [
    forbid('["raed"].containsAll(context.actions)'),
    `${NEVER}context.actions never holds "raed": did you mean "read"?`,
  ],
  [forbid('context.plane == "dta"'), `${NEVER}context.plane is never "dta": did you mean "data"?`],
  [forbid('"dta" == resource.plane'), `${NEVER}resource.plane is never "dta": did you mean "data"?`],
  [
    forbid('resource.plane == "cloud"', ' == Tool::"crm"'),
    `${NEVER}resource.plane is never "cloud": there is "data"`,
  ],
  [
    forbid('context.ttl > 3 && context.sensitivity == "secret"'),
    `${NEVER}context.sensitivity is never "secret": there is "public", "internal", "confidential", "restricted"`,
  ],
  [forbid('context.plane != "dta"'), 'context.plane is never "dta": did you mean "data"?'],
  [forbid('context.ttl > 3 || context.plane == "dta"'), 'context.plane is never "dta": did you mean "data"?'],
  [
    forbid('context.plane == "dta" || context.plane == "dta"'),
    `${NEVER}context.plane is never "dta": did you mean "data"?`,
  ],
  [
    `forbid (principal, action, resource) unless { context.time.weekday == "sundy" };`,
    'context.time.weekday is never "sundy": did you mean "sunday"?',
  ],
  [
    forbid('["saturday", "sundy"].contains(context.time.weekday)'),
    'context.time.weekday is never "sundy": did you mean "sunday"?',
  ],
  [
    forbid('context.held.data.contains("confidental")'),
    `${NEVER}context.held.data never holds "confidental": did you mean "confidential"?`,
  ],
  [
    forbid('context.held.tools.contains("crn")'),
    `${NEVER}context.held.tools never holds "crn": did you mean "crm"?`,
  ],
  [
    'forbid (principal == Agent::"agent-7", action, resource);',
    `${NEVER}no principal is called "agent-7": its trust comes first, as in Agent::"cluster/agent-7"`,
  ],
  [
    'forbid (principal is Agent, action, resource) when { [Agent::"agent-7", Agent::"cluster/b"].contains(principal) };',
    'no principal is called "agent-7": its trust comes first, as in Agent::"cluster/agent-7"',
  ],
  [
    forbid('context.labels.contains("production")'),
    `${NEVER}context.labels never holds "production": a label is written key=value, as in "production=yes"`,
  ],
];
test.each(FOUND)('%s', async (text, told) => {
  expect(await found(text)).toEqual([told]);
});

const GOOD = [
  'permit (principal == Agent::"spiffe://prod.example/ns/a", action, resource) when { principal != Agent::"cluster/b" };',
  'permit (principal, action, resource == Tool::"crm") when { context.actions == ["read", "write"] };',
  forbid('context.plane == "cloud" && context.held.data.contains("restricted")'),
  forbid('context.labels.contains("a=b") || context.task.orchestrator == "dta"'),
  forbid('if context.ttl > 3 then context.plane == "data" else resource == Tool::"search"'),
];
test.each(GOOD)('nothing is said of %s', async (text) => {
  expect(await found(text)).toEqual([]);
});
