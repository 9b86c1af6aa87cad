// What `npm run demo -- --keep` says at its end: commands to go on with, as they can be pasted.

export interface Invitation {
  readonly idp: string;
  readonly broker: string;
  readonly crm: string;
  /** Every workload's secret at the identity provider. */
  readonly secret: string;
}

export const invitation = ({ idp, broker, crm, secret }: Invitation): string[] => [
  'Everything is still up, until you press Ctrl-C here. To go on, paste this into another terminal:',
  '',
  `  IDP=${idp} BROKER=${broker} CRM=${crm} SECRET=${secret}`,
  `  call() { curl -s -w '\\n' "$@"; }`,
  '  field() { node -pe "JSON.parse(fs.readFileSync(0)).$1"; }',
  '  workload() { curl -s -u "$1:$SECRET" -d grant_type=client_credentials $IDP/token | field access_token; }',
  '',
  '  # the planner opens a task',
  '  call $BROKER/v1/tasks -H "Authorization: Bearer $(workload planner)" -H "Content-Type: application/json" \\',
  `    -d '{"id":"run-1","purpose":"try it","agents":["cluster/agent-7"],"tools":[{"tool":"crm","actions":["read"]}],"ttl":"10m"}'`,
  '',
  '  # agent-7 exchanges its workload token for a credential, and uses it',
  '  CREDENTIAL=$(curl -s $BROKER/token -d grant_type=urn:ietf:params:oauth:grant-type:token-exchange \\',
  '    -d subject_token_type=urn:ietf:params:oauth:token-type:jwt -d subject_token=$(workload agent-7) \\',
  '    -d task_id=run-1 -d audience=crm | field access_token)',
  '  call $CRM/customers/43 -H "Authorization: Bearer $CREDENTIAL" -H "X-Task-Id: run-1"',
  '',
  '  # the task is completed, and the credential is dead',
  '  call -X POST $BROKER/v1/tasks/run-1/complete -H "Authorization: Bearer $(workload planner)"',
  '  call $CRM/customers/43 -H "Authorization: Bearer $CREDENTIAL" -H "X-Task-Id: run-1"',
  '',
  '  # what happened',
  '  call "$BROKER/v1/audit?task=run-1" -H "Authorization: Bearer $(workload operator)"',
  '',
];
