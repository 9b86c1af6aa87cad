// `mayfly policy check`, `test` and `explain --case`: what is wrong stands at its place, and a case is decided as a broker would.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { CRM, type PolicyFolder, policyFolder } from './policy-scene.js';

const CASES = `defaults: { principal: { trust: cluster, subject: agent-1, claims: { groups: [billing] } }, tool: crm, actions: [read] }
cases:
  - name: billing reads customers
    expect: permit
    because: [crm-read]
    obligations: { max_ttl: 60s }
  - name: only with a yes it writes
    actions: [write]
    expect: approval
    told: somebody writes
  - name: what was read does not leave
    tool: search
    actions: [query]
    held: [crm]
    signals: [untrusted_content]
    expect: deny
    because: [no-leak]
    told: confidential data was read in this task
  - name: an orchestrator opens a task
    action: open_task
    principal: { subject: planner }
    tools: [{ tool: search, actions: [query] }, { tool: crm, actions: [read], resources: [customers/42] }]
    ttl: 4m
    expect: permit
    because: [search, crm-read]
`;

let at: PolicyFolder;
beforeEach(() => {
  at = policyFolder({ 'crm.test.yaml': CASES });
});
const jsonOf = (text: string): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>;

const caseIn = (task: string): string => `cases:
- name: one
  principal: { trust: cluster, subject: agent-1, claims: { groups: billing } }
  tool: crm
  actions: [read]
  ttl: 10m
  labels: { long: 'yes' }
  task: ${task}
  expect: permit
`;

describe('mayfly policy check', () => {
  test('says what there is, with the digest that decisions record', async () => {
    const { exit, out, err } = await at.run('check');
    expect([exit, err]).toEqual([0, '']);
    expect(out).toMatch(/^no mistakes: 2 files, 3 permits, 1 forbid, digest [\w-]{43}\n$/);
    expect(jsonOf((await at.run('check', '--json')).out)).toEqual({
      files: 2,
      permits: 3,
      forbids: 1,
      digest: /digest (\S+)/.exec(out)![1],
      warnings: [],
    });
  });

  test('warns of a set by which no task could be opened, or nobody gets anything', async () => {
    const only = at.write(
      'only.cedar',
      'permit (principal is Agent, action == Action::"exchange", resource);\n',
    );
    const { exit, err } = await at.run('check', '--policies', only);
    expect([exit, err]).toEqual([
      0,
      `${at.policies}: warning: no policy permits open_task: nobody opens a task, and without one there is no credential\n`,
    ]);
    at.write('only.cedar', '// nothing yet\n');
    expect((await at.run('check', '--policies', only)).err).toMatch(/no policy permits exchange: no agent/);
  });

  test('needs nothing of a configuration but its tools: no trust, and no file that trust names', async () => {
    const file = join(at.folder, 'mayfly.yaml');
    const text = readFileSync(file, 'utf8');
    const tools = text.slice(text.indexOf('tools:'));
    const head = text.slice(0, text.indexOf('trust:'));
    for (const trust of [
      '',
      'trust: [{ name: dev, kind: oidc, issuer: https://i.example, audience: mayfly, jwks_file: /run/secrets/none, roles: { agent: { sub: a } } }]\n',
    ]) {
      writeFileSync(file, head + trust + tools);
      expect(await at.run('check')).toMatchObject({ exit: 0, err: '' });
    }
  });

  test('tells every mistake of every file, and of the configuration, at its place: exit code 78', async () => {
    const one = at.write(
      'a.cedar',
      'permit (principal, action, resource)\nwhen { context.plan == "data" };\n',
    );
    const other = at.write('b.cedar', '@idd("x")\nforbid (principal, action, resource);\n');
    const { exit, out, err } = await at.run('check');
    expect([exit, out]).toEqual([78, '']);
    expect(err).toContain('mayfly: 2 mistakes to correct:\n');
    expect(err).toMatch(new RegExp(`^${one}:2:8: .*plan.*did you mean \`plane\``, 'm'));
    expect(err).toMatch(new RegExp(`^${other}:1:1: @idd is no annotation.*did you mean @id\\?`, 'm'));
    const { mistakes } = jsonOf((await at.run('check', '--json')).err)['error'] as Record<string, unknown>;
    expect(mistakes).toMatchObject([
      { file: one, line: 2 },
      { file: other, line: 1 },
    ]);
  });

  test('warns of what is probably not meant; only with --strict it fails', async () => {
    const file = at.write(
      'w.cedar',
      '@id("w")\nforbid (principal, action, resource)\nwhen { context.plane == "dta" };\n',
    );
    const warned = `${file}:1:1: warning: this policy never matches, as context.plane is never "dta": did you mean "data"?\n`;
    expect(await at.run('check')).toMatchObject({ exit: 0, err: warned });
    const strict = await at.run('check', '--strict');
    expect([strict.exit, strict.err]).toEqual([1, `${warned}mayfly: 1 warning, and --strict takes none\n`]);
  });

  test('reads other policies than the configuration names, against its catalogue', async () => {
    const file = at.write('w.cedar', 'forbid (principal, action, resource == Tool::"crn");');
    const { exit, out, err } = await at.run('check', '--policies', file);
    expect([exit, out]).toEqual([0, expect.stringContaining('1 file, 0 permits, 1 forbid')]);
    expect(err).toContain('the catalogue has no tool "crn": did you mean "crm"?');
    const nowhere = join(at.folder, 'nowhere');
    expect(await at.run('check', '--policies', nowhere)).toMatchObject({
      exit: 78,
      err: `mayfly: one mistake to correct:\n${nowhere}: cannot be read (ENOENT)\n`,
    });
  });
});

describe('mayfly policy test', () => {
  test('passes what comes out as expected, and names what no case was decided by', async () => {
    const { exit, out, err } = await at.run('test');
    expect([exit, err]).toEqual([0, '']);
    expect(out.split('\n')).toEqual([
      'ok    billing reads customers',
      'ok    only with a yes it writes',
      'ok    what was read does not leave',
      'ok    an orchestrator opens a task',
      '4 passed, 0 failed',
      '',
    ]);
    at.write(
      'more.cedar',
      '@id("never-tried")\nforbid (principal, action, resource) when { context.ttl > 9000 };',
    );
    expect((await at.run('test')).out).toContain(
      `no case was decided by never-tried (${join(at.policies, 'more.cedar')}:1:1)\n`,
    );
  });

  test('tells what was expected and what came, and ends with 1', async () => {
    const file = at.write(
      'other.test.yaml',
      CASES.replace('groups: [billing]', 'groups: [sales]').replace('60s', '2m'),
    );
    const { exit, out, err } = await at.run('test', file);
    expect([exit, err]).toEqual([1, 'mayfly: 2 of 4 cases came out otherwise\n']);
    expect(out).toContain(
      [
        `FAIL  billing reads customers (${file}:3:5)`,
        '      expected: permit',
        '      expected: by crm-read',
        '      expected: obligations max_ttl 2m',
        '      came: deny; no policy permits crm\n',
      ].join('\n'),
    );
    expect(jsonOf((await at.run('test', file, '--json')).out)).toMatchObject({
      passed: 2,
      failed: 2,
      cases: [
        { name: 'billing reads customers', line: 3, passed: false, came: { decision: 'deny' } },
        {},
        {},
        {},
      ],
      untested: [{ name: 'crm-read' }, { name: 'search' }],
    });
  });

  const CHANGES: readonly [what: string, from: string | RegExp, to: string, told: string][] = [
    ['a slip in a key', 'signals:', 'signal:', 'cases[2].signal: is not known: did you mean signals?'],
    [
      'a slip in a tool',
      'tool: search',
      'tool: serch',
      'serch is no tool that there is: did you mean search?',
    ],
    ['a slip in an action', '[write]', '[wirte]', 'wirte is no action that there is: did you mean write?'],
    [
      'a slip in what is held',
      'held: [crm]',
      'held: [crn]',
      'crn is no tool that there is: did you mean crm?',
    ],
    [
      'a slip in a policy',
      '[no-leak]',
      '[no-leek]',
      'no-leek is no policy that there is: did you mean no-leak?',
    ],
    ['a slip in the expected', 'expect: approval', 'expect: aproval', 'did you mean approval?'],
    [
      'two of one name',
      'only with a yes it writes',
      'billing reads customers',
      'is the name of another case as well',
    ],
    [
      'nothing expected',
      '    expect: approval\n',
      '',
      'cases[1].expect: is missing: permit, deny or approval',
    ],
    ['nobody who asks', 'subject: agent-1, ', '', 'cases[0].principal.subject: is missing'],
    [
      'a task above that is not',
      'held: [crm]',
      'task: { id: run-2, above: [{ id: run }] }',
      'run is not above run-2',
    ],
    ['a manifest without tools', /tools: \[\{.*/, '', 'cases[3].tools: is missing: what the manifest holds'],
    ['a time without a zone', 'held: [crm]', "time: '2026-03-01T18:00:00'", 'must be a time with its zone'],
  ];
  test.each(CHANGES)(
    'refuses %s at its line, and decides nothing: exit code 78',
    async (_what, from, to, told) => {
      const file = at.write('crm.test.yaml', CASES.replace(from, to));
      const { exit, out, err } = await at.run('test');
      expect([exit, out]).toEqual([78, '']);
      expect(err).toMatch(new RegExp(`^${file}:\\d+:\\d+: `, 'm'));
      expect(err).toContain(told);
    },
  );

  test('fails where there are no cases at all', async () => {
    at.write('crm.test.yaml', 'cases: []');
    expect(await at.run('test')).toMatchObject({
      exit: 1,
      err: expect.stringContaining('there are no cases'),
    });
  });

  test('has a task above decide with its own labels, and like the task where nothing is said of it', async () => {
    at.write('crm.cedar', CRM.replace('context.ttl <= 300', 'context.ttl <= 60'));
    at.write('crm.test.yaml', caseIn('{ id: run-1.part }'));
    expect((await at.run('test')).exit).toBe(0);
    at.write('crm.test.yaml', caseIn('{ id: run-1.part, above: [{ id: run-1, labels: {} }] }'));
    expect(await at.run('test')).toMatchObject({
      exit: 1,
      out: expect.stringContaining('no policy permits crm in run-1, which is above it'),
    });
  });
});

describe('mayfly policy explain --case', () => {
  test('tells of a permit by which policy, and what was looked at', async () => {
    const { exit, out } = await at.run('explain', '--case', 'billing reads customers');
    expect(exit).toBe(0);
    expect(out).toContain(
      '\nexchange of crm (read) by cluster/agent-1 in run-1\npermit by crm-read; obligations max_ttl 1m\n',
    );
    expect(out).toContain(`\ndecided by\n  crm-read (${join(at.policies, 'crm.cedar')}:1:1)\n`);
    expect(out).toContain('principal  cluster/agent-1, sub agent-1, groups billing');
    expect(out).not.toContain('what would have to change');
  });

  test('tells of a forbid what makes it hold', async () => {
    const { out } = await at.run('explain', '--case', 'what was read does not leave');
    expect(out).toContain(
      `what would have to change
  no-leak (${join(at.policies, 'flow.cedar')}:4:1) forbids search in run-1, as long as
    true   context.plane == "tool"
    true   context.held.data.contains("confidential")
    true   context.signals.contains("untrusted_content")\n`,
    );
  });

  test('tells where nothing permits it which permit comes nearest, and what that lacks', async () => {
    const file = at.write('none.test.yaml', CASES.replace('groups: [billing]', 'groups: [sales]'));
    const { out } = await at.run('explain', file, '--case', 'billing reads customers');
    expect(out).toContain(
      `nothing permits crm in run-1; nearest are
    crm-read (${join(at.policies, 'crm.cedar')}:1:1), but for
      false  principal.getTag("groups").contains("billing")
    crm-write (${join(at.policies, 'crm.cedar')}:7:1), but for
      false  context.actions.contains("write")\n`,
    );
    const { out: json } = await at.run('explain', file, '--case', 'billing reads customers', '--json');
    expect(jsonOf(json)).toMatchObject({
      decisions: [
        {
          decision: 'deny',
          determining: [],
          lacking: [
            { tool: 'crm', tasks: ['run-1'], nearest: [{ name: 'crm-read' }, { name: 'crm-write' }] },
          ],
        },
      ],
    });
  });

  test('proposes the nearest name, and wants one of --case and --request', async () => {
    const { exit, err } = await at.run('explain', '--case', 'biling reads customers');
    expect([exit, err]).toEqual([3, expect.stringContaining('did you mean "billing reads customers"?')]);
    expect((await at.run('explain')).exit).toBe(2);
  });
});
