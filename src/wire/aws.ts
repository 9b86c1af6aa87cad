// Credentials as the SDKs of AWS read them from a container's endpoint, and errors in their words.
import { z } from 'zod';
import { taskId, timestamp } from './common.js';

export const awsCredentialsQuery = z.strictObject({
  task_id: taskId.describe('The task.'),
  tool: z.string().min(1).max(64).describe("The tool's name."),
});

export const awsCredentialsView = z
  .object({
    AccessKeyId: z.string(),
    SecretAccessKey: z.string(),
    Token: z.string().describe('Of any length.'),
    Expiration: timestamp('When its lease ends, which is before STS would end it.'),
  })
  .describe("Credentials of AWS, in the form of a container's endpoint.");
export type AwsCredentialsView = Readonly<z.infer<typeof awsCredentialsView>>;

export const awsError = z
  .object({
    Code: z.string().describe("A name of AWS's for errors of this status."),
    Message: z.string().describe('For a person, with the `X-Request-Id`.'),
  })
  .describe("An error, in the form of a container's endpoint.");
export type AwsError = Readonly<z.infer<typeof awsError>>;
