#!/bin/sh
# An agent as a shell script: reads a customer of the CRM for one task, with a credential that mayfly exec looks after.
# See README.md. Needs MAYFLY_TASK and TOOL_URL, and what mayfly itself asks for (MAYFLY_URL, MAYFLY_TOKEN_FILE).
set -eu

# The first time, without a credential: we start ourselves again, with one.
if [ -z "${MAYFLY_CREDENTIAL_FILE:-}" ]; then
  exec mayfly exec --task "$MAYFLY_TASK" --tool crm --scope read --file --on-end terminate -- "$0" "$@"
fi

# Told to end: the task is over.
trap 'echo "the task is over" >&2; exit 143' TERM

# The credential goes to curl by its standard input: arguments are seen by everybody on the machine. The file is read
# for each call, as it is replaced meanwhile.
crm() {
  printf 'header = "Authorization: Bearer %s"\n' "$(cat "$MAYFLY_CREDENTIAL_FILE")" |
    curl --config - --silent --show-error --fail --header "X-Task-Id: $MAYFLY_TASK" "$TOOL_URL$1"
}

for id in "$@"; do
  crm "/customers/$id"
  echo
done
