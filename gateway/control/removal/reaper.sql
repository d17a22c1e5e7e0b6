-- The queries of the reaper, over all organizations.

-- name: be_alone
SELECT pg_try_advisory_lock(hashtextextended('axonpush ' || $1, 0));

-- name: wait_briefly
SET lock_timeout = '1s';

-- name: expired_environments
SELECT {columns} FROM environments
WHERE deleted_at IS NULL AND expires_at <= $1 ORDER BY expires_at, id;

-- name: expire_environment
-- Unless somebody extended its life meanwhile.
UPDATE environments SET deleted_at = $2, version = version + 1
WHERE id = $1 AND deleted_at IS NULL AND expires_at <= $2 RETURNING {columns};

-- name: offsets_of_topic
SELECT {columns} FROM ingest_offset WHERE topic = $1;

-- name: unpurged_environments
SELECT {columns} FROM environments WHERE deleted_at <= $1 AND purged_at IS NULL ORDER BY deleted_at, id;

-- name: removal_of
SELECT {columns} FROM removal_of($1, $2) AS statement;

-- name: forget_environment
SELECT forget_environment($1);

-- name: bury_environment
-- What is left of its keys and tokens says that the environment is gone, and nothing else.
WITH credentials AS (
    UPDATE credentials SET name = '', last4 = '', origins = '{}', networks = '{}' WHERE environment_id = $1
), bindings AS (
    DELETE FROM role_bindings WHERE environment_id = $1
), leaves AS (
    DELETE FROM leaves WHERE environment = $1
), offsets AS (
    DELETE FROM ingest_offset WHERE topic = $2
)
UPDATE environments SET purged_at = $3 WHERE id = $1;

-- name: overdue_environments
-- Those that have leaves which end before the oldest moment that the environment keeps.
SELECT {columns} FROM (
    SELECT e.id, $1::timestamptz - make_interval(days => e.retention_days) AS before
    FROM environments AS e
    WHERE e.deleted_at IS NULL AND EXISTS (
        SELECT FROM leaves AS l
        WHERE l.environment = e.id AND l.ends_at <= $1::timestamptz - make_interval(days => e.retention_days))
) AS overdue ORDER BY id;

-- name: forget_leaves
WITH gone AS (
    DELETE FROM leaves WHERE environment = $1 AND ends_at <= $2 RETURNING ends_at
), outcomes AS (
    DELETE FROM sentry_outcomes WHERE environment = $1 AND minute < (SELECT max(ends_at) FROM gone)
)
DELETE FROM events_by_minute WHERE environment = $1 AND minute < (SELECT max(ends_at) FROM gone);

-- name: upkeep_since
SELECT {columns} FROM upkeep WHERE name = $1 AND done_at > $2;

-- name: note_upkeep
INSERT INTO upkeep (name, done_at) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET done_at = excluded.done_at;

-- name: removal_of_seen
SELECT {columns} FROM removal_of_seen($1) AS statement;

-- name: forget_sentry_seen
WITH gone AS (
    DELETE FROM sentry_seen
    WHERE seen_at < $1 AND ctid = ANY (ARRAY(SELECT ctid FROM sentry_seen WHERE seen_at < $1 LIMIT $2)) RETURNING 1
)
SELECT {columns} FROM (SELECT count(*) AS rows FROM gone) AS counted;

-- name: forget_resources
-- A worker that stores something that refers to one locks it first, and moves its day on.
WITH old AS (
    SELECT r.environment, r.id FROM resources AS r
    LEFT JOIN (SELECT environment, min(starts_at) AS first_at FROM leaves GROUP BY environment) AS l USING (environment)
    WHERE r.seen_on < (least(l.first_at, $1::timestamptz) AT TIME ZONE 'UTC')::date - 1
    LIMIT $2
), gone AS (
    DELETE FROM resources AS r USING old
    WHERE r.environment = old.environment AND r.id = old.id
      AND r.seen_on < ($1::timestamptz AT TIME ZONE 'UTC')::date - 1 RETURNING 1
)
SELECT {columns} FROM (SELECT count(*) AS rows FROM gone) AS counted;

-- name: forget_challenges
DELETE FROM challenges WHERE expires_at <= $1;

-- name: forget_answers
DELETE FROM idempotency WHERE created_at <= $1;
