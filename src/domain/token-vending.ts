// Actions of AWS by which a session gets other credentials, or lets something else act: no kill of the session ends those.

/** A star only at the end. What a template names of these must be allowed loudly. */
export const TOKEN_VENDING: readonly string[] = [
  // Other sessions, among them longer ones, under a role of the session's choice.
  'sts:*',
  // Users, keys, roles and policies; PassRole gives a role to a machine or a function that goes on without us.
  'iam:*',
  'rolesanywhere:*',
  'sso:*',
  'sso-oauth:*',
  'identitystore:*',
  'cognito-identity:*',
  'cognito-idp:*',
  'eks-auth:*',
  'signin:*',
  // Keys to one kind of data.
  'codeartifact:GetAuthorizationToken',
  'ecr:GetAuthorizationToken',
  'ecr-public:GetAuthorizationToken',
  'iot:AssumeRoleWithCertificate',
  'lakeformation:GetTemporary*',
  'lakeformation:GetDataAccess',
  'rds-db:connect',
  'redshift:GetClusterCredentials*',
  'redshift-serverless:GetCredentials',
  's3:GetDataAccess',
  's3express:CreateSession',
  'dsql:DbConnect*',
  'elasticache:Connect',
  // A way into a machine, and to the role that it has.
  'ec2-instance-connect:*',
  'ecs:ExecuteCommand',
  'ssm:StartSession',
];
