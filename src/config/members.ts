// Members that several parts of the file have: names of secrets, and what is refused because it stands elsewhere.
import { isIP } from 'node:net';
import { z } from 'zod';

/** A secret in the file would be read by everybody who may read the file, and by every copy of it. */
export const neverHere = (name: string) =>
  z
    .never(`does not belong in this file: name a file under ${name}_file, or a variable under ${name}_env`)
    .optional();

export const variableName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'must be the name of an environment variable');

/** RFC 6066 §3: a server name is never an address. */
export const serverName = z
  .string()
  .regex(/^(?=.{1,253}$)[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/, 'must be a host name such as redis.example')
  .refine((name) => isIP(name) === 0, 'must be a host name, not an address');

/** The members of another kind, each refused with the kind that it goes with. */
export function goWith<Name extends string>(kind: string, names: readonly Name[]) {
  const refused = z.never(`goes with kind: ${kind}`).optional();
  return Object.fromEntries(names.map((name) => [name, refused])) as Record<Name, typeof refused>;
}
