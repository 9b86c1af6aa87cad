// Jobs of GitHub Actions: what makes one ours, and every way we know of to pass for another repository's.
import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { parseGithubSubject } from '../../../src/identity/kinds/github-subject.js';
import { selector } from '../../../src/wire/revocations.js';
import { GITHUB } from '../../fixtures/github.js';
import { forge } from '../../fixtures/idp-keys.js';
import { OWN_ISSUER } from '../scene.js';
import type { Attack, Claims } from './world.js';
import {
  accepted,
  clock,
  CLUSTER,
  github,
  keys,
  now,
  PARTNER,
  reasonOf,
  refuses,
  signed,
  TRUST,
  trusting,
} from './world.js';

const saying = (more: Claims) => (): string => github.token(more);
const headed = (header: Claims) => (): string => github.token({}, header);
/** A repository of somebody else, on the same issuer as ours: GitHub vouches for both. */
const EVIL = {
  repository: 'evil/app',
  repository_owner: 'evil',
  repository_id: '666',
  repository_owner_id: '6',
  sub: 'repo:evil/app:ref:refs/heads/main',
};
/** Our names in the hands of somebody else: given up, taken over, and with numbers of their own. */
const SQUATTED = { repository_id: '7777', repository_owner_id: '777' };

describe('a job', () => {
  test('makes its bearer what the rules say of its repository, by number', async () => {
    expect(await accepted(github.token())).toMatchObject({
      name: 'github/repo:acme/app:ref:refs/heads/main',
      trust: 'github',
      issuer: GITHUB,
      roles: [{ role: 'agent' }],
      instances: { run: '9001' },
    });
  });

  test('is the same by a sub with the numbers in it', async () => {
    const sub = 'repo:acme@65/app@74:ref:refs/heads/main';
    expect(await accepted(github.token({ sub }))).toMatchObject({
      name: `github/${sub}`,
      roles: [{ role: 'agent' }],
    });
  });

  test('is the same under another name of its repository and owner', async () => {
    const renamed = {
      repository: 'acme-inc/app2',
      repository_owner: 'acme-inc',
      sub: 'repo:acme-inc@65/app2@74:ref:refs/heads/main',
    };
    expect((await accepted(github.token(renamed))).roles).toEqual([{ role: 'agent' }]);
  });

  test('may have a sub by the template of its organisation', async () => {
    const sub = 'repository_owner_id:65:repository_id:74:context:refs/heads/main';
    expect((await accepted(github.token({ sub }))).name).toBe(`github/${sub}`);
  });

  test.each(['repo:acme/app', 'repo:acme@65/app@74'])(
    'may have a template with the repository alone, and then is called %s',
    async (sub) => {
      expect((await accepted(github.token({ sub }))).name).toBe(`github/${sub}`);
    },
  );

  test('of an environment with a space in its name can be named by a kill', async () => {
    const job = { environment: 'production eu', sub: 'repo:acme/app:environment:production eu' };
    const { name, roles } = await accepted(github.token({ ...job, ref: 'refs/heads/topic' }));
    expect(roles).toEqual([{ role: 'agent' }]);
    expect(selector.parse({ agent: name })).toEqual({ agent: name });
  });

  test('is matched by the reusable workflow that it runs', async () => {
    const job_workflow_ref = 'acme/workflows/.github/workflows/agent.yml@refs/tags/v1.2';
    const job = { job_workflow_ref, ref: 'refs/heads/topic', repository: 'acme/site', repository_id: '75' };
    const token = github.token({ ...job, sub: 'repo:acme/site:ref:refs/heads/topic' });
    expect((await accepted(token)).roles).toEqual([{ role: 'agent' }]);
  });

  test.each<[string, object]>([
    ['numbers written as numbers', { repository_id: 74, run_attempt: 1 }],
    ['numbers written as texts', { repository_id: '74', repository_owner_id: ['64', '65'] }],
    ['truth values', { repository_id: 74, ref_protected: true }],
    ['a sub with the numbers in it', { sub: 'repo:acme@65/app@74:*' }],
    ['subs with the numbers in them', { sub: ['repo:acme@65/app@74:*', 'repo:acme@65/app@74'] }],
    ['a claim that is not in our list', { repository_id: 74, repo_property_team: 'crm' }],
    ['names, where somebody says that it may', { repository: 'acme/app', dangerously_by_name: true }],
  ])('can be told by %s', async (_, agent) => {
    const by = await trusting({ ...TRUST.github, roles: { agent } });
    const sub = 'repo:acme@65/app@74:ref:refs/heads/main';
    const token = github.token({ sub, repo_property_team: 'crm' });
    expect((await accepted(token, by)).roles).toEqual([{ role: 'agent' }]);
    expect(await reasonOf(github.token(EVIL), by)).toBe('no_rule_matches');
  });
});

describe('refuses a repository that is not ours', () => {
  refuses([
    ['of another owner', saying(EVIL), 'no_rule_matches'],
    ['with our names and numbers of its own', saying(SQUATTED), 'no_rule_matches'],
    [
      'with our names, and its numbers in sub as well',
      saying({ ...SQUATTED, sub: 'repo:acme@777/app@7777:ref:refs/heads/main' }),
      'no_rule_matches',
    ],
    [
      'with our names taken over, in an environment of ours',
      saying({ ...SQUATTED, environment: 'production eu', sub: 'repo:acme/app:environment:production eu' }),
      'no_rule_matches',
    ],
    [
      'that runs our reusable workflow',
      saying({
        ...EVIL,
        job_workflow_ref: 'acme/workflows/.github/workflows/agent.yml@refs/tags/v1.2',
      }),
      'no_rule_matches',
    ],
    [
      'that is a fork of ours',
      saying({ ...EVIL, event_name: 'pull_request', head_ref: 'main' }),
      'no_rule_matches',
    ],
    [
      'of our owner, on no branch of a rule',
      saying({ repository: 'acme/site', repository_id: '75', sub: 'repo:acme/site:ref:refs/heads/main' }),
      'no_rule_matches',
    ],
  ]);
});

describe('refuses a job of ours that no rule means', () => {
  refuses([
    [
      'a pull request',
      saying({
        event_name: 'pull_request',
        ref: 'refs/pull/7/merge',
        head_ref: 'topic',
        base_ref: 'main',
        sub: 'repo:acme/app:pull_request',
      }),
      'no_rule_matches',
    ],
    [
      "a stranger's pull request, in the name of the main branch",
      saying({
        event_name: 'pull_request_target',
        head_ref: 'main',
        base_ref: 'main',
        sub: 'repo:acme/app:pull_request',
      }),
      'no_rule_matches',
    ],
    ['a comment', saying({ event_name: 'issue_comment' }), 'no_rule_matches'],
    [
      'another branch',
      saying({ ref: 'refs/heads/topic', sub: 'repo:acme/app:ref:refs/heads/topic' }),
      'no_rule_matches',
    ],
    [
      'a tag that is called like the branch',
      saying({ ref: 'refs/tags/main', ref_type: 'tag' }),
      'no_rule_matches',
    ],
    ['a branch that only begins like ours', saying({ ref: 'refs/heads/main-evil' }), 'no_rule_matches'],
    ['an environment of another case', saying({ ref: 'x', environment: 'Production EU' }), 'no_rule_matches'],
    [
      'a branch of the reusable workflow, not a tag',
      saying({ ref: 'x', job_workflow_ref: 'acme/workflows/.github/workflows/agent.yml@refs/heads/v1' }),
      'no_rule_matches',
    ],
    [
      'a reusable workflow that another one only looks like',
      saying({ ref: 'x', job_workflow_ref: 'acme/workflows-evil/.github/workflows/agent.yml@refs/tags/v1' }),
      'no_rule_matches',
    ],
  ]);
});

describe('refuses claims that contradict each other', () => {
  refuses([
    ['sub of another repository', saying({ sub: 'repo:acme/site:ref:refs/heads/main' }), 'claims_disagree'],
    ['sub of another repository alone', saying({ sub: 'repo:acme/site' }), 'claims_disagree'],
    ['sub of another number alone', saying({ sub: 'repo:acme@65/app@75' }), 'claims_disagree'],
    ['sub of another owner', saying({ sub: 'repo:evil/app:ref:refs/heads/main' }), 'claims_disagree'],
    [
      'another number of the repository in sub',
      saying({ sub: 'repo:acme@65/app@75:ref:x' }),
      'claims_disagree',
    ],
    ['another number of the owner in sub', saying({ sub: 'repo:acme@66/app@74:ref:x' }), 'claims_disagree'],
    ['the numbers changed round', saying({ sub: 'repo:acme@74/app@65:ref:x' }), 'claims_disagree'],
    ['a repository of another owner', saying({ repository_owner: 'evil' }), 'claims_disagree'],
    ['a repository with a path behind', saying({ repository: 'acme/app/evil' }), 'claims_disagree'],
    ['a repository without its owner', saying({ repository: 'app' }), 'claims_disagree'],
    [
      'a repository with a path behind, and a sub that does not tell',
      saying({ repository: 'acme/app/evil', sub: 'repository_owner_id:65:context:main' }),
      'claims_disagree',
    ],
    ['sub in capitals', saying({ sub: 'repo:ACME/APP:ref:refs/heads/main' }), 'claims_disagree'],
  ]);
});

describe('refuses a sub that only looks like one', () => {
  refuses(
    [
      'repo:acme@65/app:ref:refs/heads/main',
      'repo:acme/app@74:ref:refs/heads/main',
      'repo:acme@65/app@74:',
      'repo:acme@065/app@74:ref:x',
      'repo:acme@65/app@074:ref:x',
      'repo:acme@/app@74:ref:x',
      'repo:acme@-65/app@74:ref:x',
      'repo:acme@6٥/app@74:ref:x',
      'repo:acme@65@66/app@74:ref:x',
      'repo:acme/app:',
      'repo:acme/app@74',
      'repo:acme/app/',
      'repo:acme:ref:refs/heads/main',
      'repo:/app:ref:x',
      'repo:acme/:ref:x',
      'repo:аcme/app:ref:x',
      'repo:acme%2fapp:ref:x',
      'repo:*:ref:refs/heads/main',
      'repo: acme/app:ref:x',
    ].map((sub): Attack => [sub, saying({ sub }), 'claim_mistyped']),
  );
});

describe('refuses claims that are missing, or of the wrong type', () => {
  const needed =
    'repository repository_id repository_owner repository_owner_id run_id run_attempt event_name'.split(' ');
  refuses([
    ...needed.map((claim): Attack => [`no ${claim}`, saying({ [claim]: undefined }), 'claim_missing']),
    ...[...needed, ...'ref environment job_workflow_ref enterprise_id ref_protected'.split(' ')].flatMap(
      (claim) =>
        [74, ['74'], null, { id: 74 }].map((value): Attack => [
          `${claim} ${JSON.stringify(value)}`,
          saying({ [claim]: value }),
          'claim_mistyped',
        ]),
    ),
    ...['074', '+74', '74 ', '7e1', '0x4a', '-74', '', '74.0', '٧٤', '1'.repeat(20)].map((value): Attack => [
      `repository_id ${JSON.stringify(value)}`,
      saying({ repository_id: value }),
      'claim_mistyped',
    ]),
    ['an attempt of a size that no id has place for', saying({ run_attempt: '99999' }), 'claim_mistyped'],
    ['a run that is a path', saying({ run_id: '../1' }), 'claim_mistyped'],
  ]);
});

describe('refuses a token of another issuer or kind, not for us, or not for now', () => {
  refuses([
    ['another issuer', saying({ iss: 'https://token.actions.evil.example' }), 'issuer_unknown'],
    ['the issuer of an enterprise', saying({ iss: `${GITHUB}/acme` }), 'issuer_unknown'],
    ['the issuer with a slash', saying({ iss: `${GITHUB}/` }), 'issuer_unknown'],
    ['the issuer in capitals', saying({ iss: GITHUB.toUpperCase() }), 'issuer_unknown'],
    [
      'a stranger by the name of the key',
      () => forge(keys.stranger, github.header(), github.claims()),
      'signature_invalid',
    ],
    ['a partner, for GitHub', () => signed(keys.partner, github.claims()), 'algorithm_not_allowed'],
    ['GitHub, for a partner', saying({ iss: PARTNER, sub: 'visitor-1' }), 'algorithm_not_allowed'],
    ['GitHub, for a cluster', saying({ iss: CLUSTER }), 'key_unknown'],
    ['a credential of ours', saying({ iss: OWN_ISSUER }), 'own_credential'],
    ['for whom it is when nobody says', saying({ aud: 'https://github.com/acme' }), 'audience_mismatch'],
    ['for a cloud', saying({ aud: 'sts.amazonaws.com' }), 'audience_mismatch'],
    ['expired', saying({ iat: 1, nbf: 1, exp: 2 }), 'token_expired'],
    [
      'of two hours ago, made to last',
      () => github.token({ iat: now() - 7200, nbf: now() - 7200 }),
      'token_too_old',
    ],
    ['from the future', () => github.token({ nbf: now() + 60 }), 'token_not_yet_valid'],
    ['an access token', headed({ typ: 'at+jwt' }), 'token_type_not_allowed'],
    ['no type of ours', headed({ typ: 'JOSE' }), 'token_type_not_allowed'],
    ['jku', headed({ jku: 'https://evil.example/jwks' }), 'header_not_allowed'],
    [
      'x5t is passed over, x5u is not',
      headed({ x5t: 'abc', x5u: 'https://evil.example' }),
      'header_not_allowed',
    ],
    ['alg none', headed({ alg: 'none' }), 'algorithm_not_allowed'],
    ['HS256', headed({ alg: 'HS256' }), 'algorithm_not_allowed'],
    ['RS512', headed({ alg: 'RS512' }), 'algorithm_not_allowed'],
    ['a kid that nobody has', headed({ kid: 'github-2' }), 'key_unknown'],
    ['oversized', saying({ repo_property_x: 'x'.repeat(16_384) }), 'token_too_large'],
  ]);
});

test('a token that was good a moment ago is not good once it has ended', async () => {
  const token = github.token();
  await accepted(token);
  clock.advance(331_000);
  expect(await reasonOf(token)).toBe('token_expired');
});

describe('the parsing of sub', () => {
  const name = fc.stringMatching(/^[A-Za-z0-9-]{1,39}$/);
  const repository = fc.stringMatching(/^[A-Za-z0-9._-]{1,100}$/);
  const id = fc.bigInt({ min: 1n, max: 10n ** 19n - 1n }).map(String);
  const context = fc.stringMatching(/^[ -~]{0,80}$/);

  test('gives back what was put in, in both forms', () => {
    fc.assert(
      fc.property(name, repository, fc.option(fc.tuple(id, id)), context, (owner, repo, ids, rest) => {
        const head = ids ? `${owner}@${ids[0]}/${repo}@${ids[1]}` : `${owner}/${repo}`;
        const sub = `repo:${head}${rest && `:${rest}`}`;
        expect(parseGithubSubject(sub)).toEqual({
          owner,
          repository: repo,
          context: rest,
          ...(ids && { ids: { owner: ids[0], repository: ids[1] } }),
        });
      }),
    );
  });

  test('reads nothing else, and never two things out of one text', () => {
    const piece = fc.oneof(
      fc.constantFrom('repo:', ':', '/', '@', '65', 'acme', 'app', '%2f', '\n'),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const sub = pieces.join('');
        const said = parseGithubSubject(sub);
        if (said === undefined) return;
        const { owner, repository: repo, ids, context: rest } = said;
        const head = ids ? `${owner}@${ids.owner}/${repo}@${ids.repository}` : `${owner}/${repo}`;
        expect(sub).toBe(`repo:${head}${rest && `:${rest}`}`);
        expect(`${owner}${repo}`).toMatch(/^[\w.-]+$/);
      }),
      { numRuns: 2000 },
    );
  });
});
