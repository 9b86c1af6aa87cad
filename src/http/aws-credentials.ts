// GET /aws/credentials: the endpoint that SDKs of AWS ask for a container's credentials, again and again.
import { Refusal } from '../domain/refusal.js';
import { issueCredential } from '../issuance/issue-credential.js';
import type { IssuedCredential } from '../issuance/issued.js';
import type { AwsCredential } from '../minters/aws-sts/aws-sts-minter.js';
import type { AwsCredentialsView } from '../wire/aws.js';
import { awsCredentialsQuery } from '../wire/aws.js';
import { ok } from './answer.js';
import type { Edge, Respond } from './call.js';
import { parse } from './parse.js';

export const awsRoutes = ({ broker, held }: Edge) =>
  ({
    awsCredentials: async ({ principal, provenKey, query, entry }) => {
      const asked = parse(awsCredentialsQuery, query);
      if (asked instanceof Refusal) return asked;
      entry.facts.taskId = asked.task_id;
      entry.learn({ token: principal.tokenDigest });
      const issued = await issueCredential(
        broker,
        principal,
        {
          taskId: asked.task_id,
          target: { name: asked.tool },
          kind: 'aws-sts',
          // All that the manifest has: an SDK has no way to ask for less.
          actions: [],
          ...(provenKey !== undefined && { provenKey }),
        },
        entry,
        held,
      );
      return issued instanceof Refusal ? issued : ok(viewOf(issued));
    },
  }) satisfies Record<string, Respond>;

function viewOf({ minted }: IssuedCredential): AwsCredentialsView {
  const credential = JSON.parse(minted.secret.reveal()) as AwsCredential;
  return {
    AccessKeyId: credential.access_key_id,
    SecretAccessKey: credential.secret_access_key,
    Token: credential.session_token,
    Expiration: credential.expiration,
  };
}
