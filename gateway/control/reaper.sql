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

-- name: forget_challenges
DELETE FROM challenges WHERE expires_at <= $1;

-- name: forget_answers
DELETE FROM idempotency WHERE created_at <= $1;
