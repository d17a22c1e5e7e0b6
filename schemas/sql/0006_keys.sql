-- Rights, limits and rotation of keys; which edge processes serve and what each has applied; what was used.
-- Columns that are added have defaults: the version before writes to these tables without knowing of them.

ALTER TABLE credentials
    ADD COLUMN scopes        text[] NOT NULL DEFAULT '{logs,traces,metrics,sentry}'
        CHECK (scopes <@ '{logs,traces,metrics,sentry}'),
    ADD COLUMN rate          jsonb,
    ADD COLUMN monthly_quota jsonb,
    ADD COLUMN over_quota    text NOT NULL DEFAULT 'reject' CHECK (over_quota IN ('reject', 'accept')),
    -- The key that this one takes the place of, and when the other one ends.
    ADD COLUMN rotated_from  text,
    ADD COLUMN retire_at     timestamptz,
    ADD FOREIGN KEY (org_id, rotated_from) REFERENCES credentials (org_id, id);
CREATE UNIQUE INDEX credentials_successor ON credentials (rotated_from) WHERE rotated_from IS NOT NULL;
CREATE INDEX credentials_with_quota ON credentials (id) WHERE monthly_quota IS NOT NULL;

ALTER TABLE environments
    ADD COLUMN rate          jsonb,
    ADD COLUMN monthly_quota jsonb,
    ADD COLUMN over_quota    text NOT NULL DEFAULT 'reject' CHECK (over_quota IN ('reject', 'accept'));
CREATE INDEX environments_with_quota ON environments (id) WHERE monthly_quota IS NOT NULL;

-- `applied` is the snapshot of the directory that a process resolves with, null until it has read one; a transaction
-- that is visible in it has been applied. `flushed_sequence` is the last flush of usage that was taken.
CREATE TABLE edge_processes (
    id               text PRIMARY KEY,
    host             text NOT NULL,
    pid              integer NOT NULL,
    started_at       timestamptz NOT NULL,
    heartbeat_at     timestamptz NOT NULL,
    applied          pg_snapshot,
    flushed_sequence bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- A table of its own, so that a use does not count as a change of the directory.
CREATE TABLE credential_uses (
    credential_id text PRIMARY KEY,
    last_used_at  timestamptz NOT NULL
) WITH (fillfactor = 50);

-- What was accepted, by the minute of receipt; bytes as they were sent.
CREATE TABLE usage_by_minute (
    environment_id text NOT NULL,
    credential_id  text NOT NULL,
    minute         timestamptz NOT NULL,
    requests       bigint NOT NULL,
    items          bigint NOT NULL,
    bytes          bigint NOT NULL,
    PRIMARY KEY (environment_id, minute, credential_id)
) WITH (fillfactor = 80);
CREATE INDEX ON usage_by_minute USING brin (minute);

-- Requests that were not, by reason.
CREATE TABLE refusals_by_minute (
    environment_id text NOT NULL,
    credential_id  text NOT NULL,
    minute         timestamptz NOT NULL,
    reason         text NOT NULL,
    requests       bigint NOT NULL,
    PRIMARY KEY (environment_id, minute, credential_id, reason)
) WITH (fillfactor = 80);
CREATE INDEX ON refusals_by_minute USING brin (minute);

-- What a month's quota is compared with; `subject` is an environment's id or a credential's, `month` its first day, UTC.
CREATE TABLE usage_by_month (
    subject  text NOT NULL,
    month    date NOT NULL,
    requests bigint NOT NULL,
    bytes    bigint NOT NULL,
    PRIMARY KEY (subject, month)
) WITH (fillfactor = 50);
