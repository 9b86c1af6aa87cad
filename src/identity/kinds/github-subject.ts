// The `sub` of a GitHub Actions token, in both of its forms: with the names alone, and with the ids that never change.

export interface GithubSubject {
  readonly owner: string;
  readonly repository: string;
  /** Where they stand in it: repositories made or renamed after 15 July 2026, and those that opted in. */
  readonly ids?: { readonly owner: string; readonly repository: string };
  /**
   * What follows: `ref:refs/heads/main`, `environment:production`, `pull_request`. Empty where nothing does: an
   * organisation may have the repository alone in its template (`include_claim_keys: [repo]`).
   */
  readonly context: string;
}

/** A number that GitHub gave: no sign, no zero before it, so that one id has one text. */
export const GITHUB_ID = /^[1-9]\d{0,18}$/;

const SUBJECT = /^repo:([\w-]{1,100})(?:@(\d+))?\/([\w.-]{1,100})(?:@(\d+))?(?::(.+))?$/s;

/** True of a subject in GitHub's own form; an organisation may have its own, which begins with another claim. */
export const isRepositorySubject = (subject: string): boolean => subject.startsWith('repo:');

/** Undefined for what is in neither form: one id without the other, names with signs that GitHub has not. */
export function parseGithubSubject(subject: string): GithubSubject | undefined {
  const [, owner, ownerId, repository, repositoryId, context = ''] = SUBJECT.exec(subject) ?? [];
  if (owner === undefined || repository === undefined) return undefined;
  if (ownerId === undefined && repositoryId === undefined) return { owner, repository, context };
  if (ownerId === undefined || repositoryId === undefined) return undefined;
  if (!GITHUB_ID.test(ownerId) || !GITHUB_ID.test(repositoryId)) return undefined;
  return { owner, repository, context, ids: { owner: ownerId, repository: repositoryId } };
}
