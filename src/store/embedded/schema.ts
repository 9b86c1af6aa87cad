// The tables of the embedded store, and how an older file is brought up to date.

export const SCHEMA_VERSION = 6;

/** Since version 2. Which instance of an agent is the only one in a tree: the first that got a lease there. */
const INSTANCE_BINDING = `
CREATE TABLE instance_binding (
  root     TEXT NOT NULL,
  agent    TEXT NOT NULL,
  kind     TEXT NOT NULL,
  instance TEXT NOT NULL,
  PRIMARY KEY (root, agent, kind)
) STRICT, WITHOUT ROWID;
`;

/** Since version 2. How many are alive or open is counted along these, past all that is over. */
const COUNTING = `
CREATE INDEX task_open ON task (id) WHERE state = 'open';
CREATE INDEX task_open_of ON task (orchestrator, deadline) WHERE state = 'open';
CREATE INDEX lease_by_task ON lease (task_id, expires_at);
CREATE INDEX lease_by_agent ON lease (agent, expires_at);
`;

/**
 * Since version 3. What has come to pass in a tree, since when its leases have to be decided again, and the facts about
 * principals that they were decided on.
 */
const TREE_CONTEXT = `
CREATE TABLE tree_context (
  root      TEXT PRIMARY KEY,
  version   INTEGER NOT NULL,
  signals   TEXT NOT NULL,
  held      TEXT NOT NULL,
  refusals  INTEGER NOT NULL,
  due_since INTEGER
) STRICT;
CREATE INDEX tree_context_due ON tree_context (due_since) WHERE due_since IS NOT NULL;

CREATE TABLE principal_facts (
  root   TEXT NOT NULL,
  digest TEXT NOT NULL,
  facts  TEXT NOT NULL,
  PRIMARY KEY (root, digest)
) STRICT;
`;

/** Since version 4. Entries of status lists, counted through: the index grows for leases that have one. */
const STATUS_ENTRIES = `
CREATE INDEX lease_by_status ON lease (status_entry) WHERE status_entry IS NOT NULL;
`;

/** Since version 5. Those for which somebody must look: few, and counted whenever metrics are read. */
const IRREVOCABLE = `
CREATE INDEX lease_irrevocable ON lease (n) WHERE state = 'irrevocable';
`;

/** Since version 6. Sessions that only their role can deny: which are on it, and which it must deny. */
const DENIALS = `
CREATE TABLE denying_role (
  role          TEXT PRIMARY KEY,
  fence         INTEGER NOT NULL,
  claimed_until INTEGER NOT NULL,
  cut_before    INTEGER NOT NULL DEFAULT 0,
  cut_until     INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE denied_session (
  role      TEXT NOT NULL,
  session   TEXT NOT NULL,
  minted_by INTEGER NOT NULL,
  until     INTEGER NOT NULL,
  PRIMARY KEY (role, session)
) STRICT, WITHOUT ROWID;
CREATE INDEX denied_session_by_end ON denied_session (until);

CREATE TABLE seat (
  session TEXT PRIMARY KEY,
  role    TEXT NOT NULL,
  until   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX seat_by_role ON seat (role, until);
CREATE INDEX seat_by_end ON seat (until);
`;

/*
 * Lease rows of tokens are written once and deleted once: how they stand is derived from the row, its task and
 * the wide selectors, so that closing a task touches no lease. Only leases of external credentials change state.
 */
export const SCHEMA = `
CREATE TABLE meta (
  one           INTEGER PRIMARY KEY CHECK (one = 1),
  schema_version INTEGER NOT NULL,
  epoch         TEXT NOT NULL,
  latest        INTEGER NOT NULL,
  listed        INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE task (
  id            TEXT PRIMARY KEY,
  orchestrator  TEXT NOT NULL,
  state         TEXT NOT NULL,
  opened_at     INTEGER NOT NULL,
  deadline      INTEGER NOT NULL,
  body_digest   TEXT NOT NULL,
  terms         TEXT NOT NULL,
  closed_at     INTEGER,
  outcome       TEXT,
  closed_by     TEXT,
  close_reason  TEXT,
  close_request TEXT,
  settled_at    INTEGER,
  past_revoked  INTEGER NOT NULL DEFAULT 0,
  past_expired  INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX task_due ON task (deadline) WHERE state = 'open';
CREATE INDEX task_by_age ON task (opened_at, id);
CREATE INDEX task_by_closing ON task (closed_at) WHERE closed_at IS NOT NULL;

CREATE TABLE lease (
  n             INTEGER PRIMARY KEY,
  id            TEXT NOT NULL UNIQUE,
  task_id       TEXT NOT NULL,
  agent         TEXT NOT NULL,
  actors        TEXT,
  tool          TEXT NOT NULL,
  trust         TEXT NOT NULL,
  key_id        TEXT,
  kind          TEXT NOT NULL,
  external      INTEGER NOT NULL,
  state         TEXT NOT NULL,
  issued_at     INTEGER NOT NULL,
  expires_at    INTEGER NOT NULL,
  terms         TEXT NOT NULL,
  ended_at      INTEGER,
  ended         TEXT,
  accepted_at   INTEGER,
  confirmed_at  INTEGER,
  mint_deadline INTEGER,
  due_at        INTEGER,
  attempts      INTEGER NOT NULL DEFAULT 0,
  claim         TEXT,
  sealed_secret TEXT,
  status_entry  INTEGER
) STRICT;
${COUNTING}${STATUS_ENTRIES}CREATE INDEX lease_by_expiry ON lease (expires_at);
CREATE INDEX lease_unsettled ON lease (task_id) WHERE external = 1 AND state IN ('reserved', 'active', 'revoking');
CREATE INDEX lease_live ON lease (task_id) WHERE external = 1 AND state IN ('reserved', 'active');
CREATE INDEX lease_lapsing ON lease (expires_at) WHERE external = 1 AND state IN ('reserved', 'active');
CREATE INDEX lease_reserved ON lease (mint_deadline) WHERE state = 'reserved';
CREATE INDEX lease_due ON lease (due_at) WHERE state = 'revoking';
${IRREVOCABLE}
CREATE TABLE revocation (
  kind          TEXT NOT NULL,
  name          TEXT NOT NULL,
  cutoff        INTEGER,
  moot_at       INTEGER NOT NULL,
  at            INTEGER NOT NULL,
  by            TEXT NOT NULL,
  reason        TEXT,
  request_id    TEXT,
  walked        INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX revocation_by_selector ON revocation (kind, name, at);
CREATE INDEX revocation_by_end ON revocation (moot_at);
CREATE INDEX revocation_to_walk ON revocation (at) WHERE walked = 0;

CREATE TABLE quarantine (
  agent  TEXT PRIMARY KEY,
  since  INTEGER NOT NULL,
  by     TEXT NOT NULL,
  reason TEXT
) STRICT;

${INSTANCE_BINDING}${TREE_CONTEXT}${DENIALS}
CREATE TABLE once (
  key        TEXT PRIMARY KEY,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX once_by_expiry ON once (expires_at);

CREATE TABLE signing_key (
  kid            TEXT PRIMARY KEY,
  use            TEXT NOT NULL,
  algorithm      TEXT NOT NULL,
  public_jwk     TEXT NOT NULL,
  sealed_private TEXT NOT NULL,
  created_at     INTEGER NOT NULL,
  activates_at   INTEGER NOT NULL
) STRICT;

CREATE TABLE audit (
  sequence   INTEGER PRIMARY KEY,
  at         INTEGER NOT NULL,
  request_id TEXT NOT NULL,
  action     TEXT NOT NULL,
  outcome    TEXT NOT NULL,
  reason     TEXT,
  principal  TEXT,
  task_id    TEXT,
  lease_id   TEXT,
  tool       TEXT,
  detail     TEXT NOT NULL
) STRICT;
CREATE INDEX audit_by_request ON audit (request_id);
CREATE INDEX audit_by_task ON audit (task_id) WHERE task_id IS NOT NULL;
CREATE INDEX audit_by_lease ON audit (lease_id) WHERE lease_id IS NOT NULL;
CREATE INDEX audit_by_principal ON audit (principal) WHERE principal IS NOT NULL;
`;

/** From a version to the next. */
export const MIGRATIONS: Readonly<Record<number, string>> = {
  1: `${INSTANCE_BINDING} DROP INDEX lease_by_task; DROP INDEX lease_by_agent; ${COUNTING}`,
  2: TREE_CONTEXT,
  3: `ALTER TABLE meta ADD COLUMN listed INTEGER NOT NULL DEFAULT 0; ALTER TABLE lease ADD COLUMN status_entry INTEGER;
    ${STATUS_ENTRIES}`,
  4: IRREVOCABLE,
  5: `${DENIALS} ALTER TABLE lease ADD COLUMN accepted_at INTEGER;`,
};
