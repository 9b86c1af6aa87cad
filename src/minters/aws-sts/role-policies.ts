// The inline policies of roles, over IAM. A role is a key (names.ts).
import type { IAMClient } from '@aws-sdk/client-iam';
import {
  DeleteRolePolicyCommand,
  GetRoleCommand,
  GetRolePolicyCommand,
  ListRolePoliciesCommand,
  PutRolePolicyCommand,
} from '@aws-sdk/client-iam';
import { AwsFault, faultOf } from './aws-fault.js';
import type { InlinePolicy } from './deny-document.js';
import { roleName } from './names.js';

const NOT_FOUND = 404;

export class RolePolicies {
  readonly #iam: Pick<IAMClient, 'send'>;
  readonly #timeoutMs: number;

  constructor(iam: Pick<IAMClient, 'send'>, timeoutMs: number) {
    this.#iam = iam;
    this.#timeoutMs = timeoutMs;
  }

  async all(role: string): Promise<InlinePolicy[]> {
    const names: string[] = [];
    let marker: string | undefined;
    do {
      const input = { RoleName: roleName(role), ...(marker !== undefined && { Marker: marker }) };
      const page = await this.#asked('ListRolePolicies', (abortSignal) =>
        this.#iam.send(new ListRolePoliciesCommand(input), { abortSignal }),
      );
      names.push(...(page.PolicyNames ?? []));
      marker = page.IsTruncated ? page.Marker : undefined;
    } while (marker !== undefined);
    const policies = await Promise.all(names.map((name) => this.one(role, name)));
    return policies.filter((policy) => policy !== undefined);
  }

  async one(role: string, name: string): Promise<InlinePolicy | undefined> {
    try {
      const { PolicyDocument: text = '' } = await this.#asked('GetRolePolicy', (abortSignal) =>
        this.#iam.send(new GetRolePolicyCommand({ RoleName: roleName(role), PolicyName: name }), {
          abortSignal,
        }),
      );
      // AWS writes it percent-encoded (RFC 3986), others as it is.
      return { name, text: text.trimStart().startsWith('{') ? text : decodeURIComponent(text) };
    } catch (error) {
      if (error instanceof AwsFault && error.status === NOT_FOUND) return undefined;
      throw error;
    }
  }

  async put(role: string, { name, text }: InlinePolicy): Promise<void> {
    const input = { RoleName: roleName(role), PolicyName: name, PolicyDocument: text };
    await this.#asked('PutRolePolicy', (abortSignal) =>
      this.#iam.send(new PutRolePolicyCommand(input), { abortSignal }),
    );
  }

  async drop(role: string, name: string): Promise<void> {
    try {
      await this.#asked('DeleteRolePolicy', (abortSignal) =>
        this.#iam.send(new DeleteRolePolicyCommand({ RoleName: roleName(role), PolicyName: name }), {
          abortSignal,
        }),
      );
    } catch (error) {
      if (!(error instanceof AwsFault && error.status === NOT_FOUND)) throw error;
    }
  }

  /** What `aws:userid` of its sessions begins with. Never remembered: a role that is made anew has another. */
  async roleId(role: string): Promise<string> {
    const { Role: found } = await this.#asked('GetRole', (abortSignal) =>
      this.#iam.send(new GetRoleCommand({ RoleName: roleName(role) }), { abortSignal }),
    );
    const id = found?.RoleId ?? '';
    // It becomes part of a policy, and of what a kill goes by.
    if (!/^[\w-]{8,128}$/.test(id))
      throw new AwsFault('ERR_AWS_ANSWER', `GetRole: no id of the role ${role}`);
    return id;
  }

  async #asked<T>(operation: string, ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
    try {
      return await ask(AbortSignal.timeout(this.#timeoutMs));
    } catch (error) {
      throw faultOf(operation, error);
    }
  }
}
