// What can be made out of an entry of trust that may have mistakes: every member that is good by itself.
import type { z } from 'zod';
import type { githubShape } from './github.js';
import type { kubernetesShape } from './kubernetes.js';
import type { Rule } from './rules.js';
import { trustShapes, type TrustKind } from './schema.js';
import type { spiffeShape } from './spiffe.js';

type Members = typeof kubernetesShape & typeof githubShape & typeof spiffeShape;
type Member = Exclude<keyof Members, 'kind' | 'roles' | 'algorithms'>;

/** All that an entry of any kind may say: what is meant for another kind is a mistake by itself. */
export type TrustDraft = {
  readonly [Name in Member]?: Exclude<z.output<Members[Name]>, undefined>;
} & {
  readonly kind?: TrustKind;
  readonly algorithms?: readonly z.output<typeof kubernetesShape.algorithms>[number][];
  readonly roles: Readonly<Record<string, Rule | readonly Rule[]>>;
};

type Shape = Readonly<Record<string, z.ZodType>>;

/** By its kind, where it has one; else as what most are. */
export function trustDraft(
  raw: unknown,
  readable: (shape: Shape, raw: unknown) => Readonly<Record<string, unknown>>,
): TrustDraft {
  const given = raw !== null && typeof raw === 'object' ? (raw as Record<string, unknown>) : {};
  const written = given['kind'];
  const kind =
    typeof written === 'string' && Object.hasOwn(trustShapes, written) ? (written as TrustKind) : undefined;
  const { roles, ...shape } = trustShapes[kind ?? 'oidc'];
  // Past what says that there must be one: each role by itself.
  const each = roles.def.shape;
  return {
    ...readable(shape, given),
    ...(kind && { kind }),
    roles: readable(each, given['roles']),
  } as TrustDraft;
}
