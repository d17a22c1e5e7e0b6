-- The control plane's queries by name. {columns} are the fields of the struct that a query answers; $1 is the
-- organization wherever tenants ask, so that nothing of another one is ever found. Four arguments in a row are what the
-- caller reaches: everything, or these apps, tiers and environments.

-- name: credential_by_id
SELECT {columns} FROM credentials WHERE id = $1;

-- name: bindings_of
-- Of a management key, and of the member for whom it acts.
SELECT {columns} FROM (
    SELECT r.base, r.without, b.scope, coalesce(b.app_id, b.tier, b.environment_id, '') AS target
    FROM role_bindings AS b JOIN roles AS r ON r.org_id = b.org_id AND r.slug = b.role
    WHERE b.org_id = $1 AND (b.key_id = $2 OR b.member_id = $3)
) AS bound;

-- name: org_by_slug
SELECT {columns} FROM orgs WHERE slug = $1;

-- name: insert_org
INSERT INTO orgs (id, slug, name) VALUES ($1, $2, $3) ON CONFLICT (slug) DO NOTHING RETURNING {columns};

-- name: app_by_id
SELECT {columns} FROM apps AS a WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL
  AND ($3::boolean OR id = ANY ($4::text[]) OR EXISTS (
      SELECT FROM environments AS e
      WHERE e.app_id = a.id AND e.deleted_at IS NULL AND (e.tier = ANY ($5::text[]) OR e.id = ANY ($6::text[]))));

-- name: app_to_change
SELECT {columns} FROM apps WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL FOR NO KEY UPDATE;

-- name: apps_to_change
SELECT {columns} FROM apps WHERE org_id = $1 AND deleted_at IS NULL ORDER BY id LIMIT 2 FOR NO KEY UPDATE;

-- name: app_by_slug
-- Deleted ones too: their slugs are never used again.
SELECT {columns} FROM apps WHERE org_id = $1 AND slug = $2;

-- name: apps_page
SELECT {columns} FROM apps AS a
WHERE org_id = $1 AND (created_at, id) > ($2, $3) AND deleted_at IS NULL
  AND ($5::boolean OR id = ANY ($6::text[]) OR EXISTS (
      SELECT FROM environments AS e
      WHERE e.app_id = a.id AND e.deleted_at IS NULL AND (e.tier = ANY ($7::text[]) OR e.id = ANY ($8::text[]))))
ORDER BY created_at, id LIMIT $4;

-- name: insert_app
INSERT INTO apps (org_id, id, slug, name, default_environment_id) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (org_id, slug) DO NOTHING RETURNING {columns};

-- name: set_default_channel
UPDATE apps SET default_channel_id = $3 WHERE org_id = $1 AND id = $2 RETURNING {columns};

-- name: set_default_environment
UPDATE apps SET default_environment_id = $3 WHERE org_id = $1 AND id = $2 RETURNING {columns};

-- name: update_app
UPDATE apps SET name = $3, default_channel_id = $4 WHERE org_id = $1 AND id = $2 RETURNING {columns};

-- name: delete_app
-- Its environments' data and topics go by the reaper.
WITH environments AS (
    UPDATE environments SET deleted_at = $3, version = version + 1
    WHERE org_id = $1 AND app_id = $2 AND deleted_at IS NULL
), channels AS (
    UPDATE channels SET deleted_at = $3 WHERE app_id = $2 AND deleted_at IS NULL
)
UPDATE apps SET deleted_at = $3 WHERE org_id = $1 AND id = $2;

-- name: tier_by_slug
SELECT {columns} FROM tiers WHERE org_id = $1 AND slug = $2;

-- name: environment_by_id
SELECT {columns} FROM environments WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL;

-- name: environment_to_change
SELECT {columns} FROM environments WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL FOR NO KEY UPDATE;

-- name: environment_by_slug
-- Deleted ones too: their slugs are never used again.
SELECT {columns} FROM environments WHERE app_id = $1 AND slug = $2;

-- name: environments_page
SELECT {columns} FROM environments
WHERE app_id = $1 AND (created_at, id) > ($2, $3) AND deleted_at IS NULL
  AND ($5::boolean OR app_id = ANY ($6::text[]) OR tier = ANY ($7::text[]) OR id = ANY ($8::text[]))
ORDER BY created_at, id LIMIT $4;

-- name: environments_of_app
SELECT {columns} FROM environments WHERE app_id = $1 AND deleted_at IS NULL ORDER BY created_at, id;

-- name: environments_of_app_to_change
SELECT {columns} FROM environments WHERE app_id = $1 AND deleted_at IS NULL ORDER BY id FOR NO KEY UPDATE;

-- name: live_environments
SELECT {columns} FROM environments WHERE deleted_at IS NULL ORDER BY created_at, id;

-- name: insert_environment
INSERT INTO environments (app_id, id, tier, slug, name, color, is_production, is_ephemeral, expires_at,
                          require_confirmation_for_destructive, delete_protected, ingest, partitions, retention_days,
                          source_ref, created_by, ttl_seconds, max_expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
ON CONFLICT (app_id, slug) DO NOTHING RETURNING {columns};

-- name: update_environment
UPDATE environments SET name = $3, tier = $4, color = $5, is_production = $6, is_ephemeral = $7, expires_at = $8,
                        require_confirmation_for_destructive = $9, delete_protected = $10, ingest = $11,
                        partitions = $12, retention_days = $13, source_ref = $14, ttl_seconds = $15,
                        max_expires_at = $16, version = version + 1
WHERE org_id = $1 AND id = $2 RETURNING {columns};

-- name: delete_environment
UPDATE environments SET deleted_at = $3, version = version + 1 WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL;

-- name: hold_environment
-- Waits for the workers that store something for it, and holds up those that come.
SELECT pg_advisory_xact_lock(hashtextextended('environment ' || $1, 0));

-- name: mark_wiped
UPDATE environments SET wiped_before_ns = greatest(wiped_before_ns, $3), version = version + 1
WHERE org_id = $1 AND id = $2 RETURNING {columns};

-- name: wipe_environment
SELECT wipe_environment($1);

-- name: lock_briefly
SET LOCAL lock_timeout = '1s';

-- name: lock_previews
-- One after the other in an app: they count each other, and take slugs.
SELECT pg_advisory_xact_lock(hashtextextended('previews ' || $1, 0));

-- name: preview_count
SELECT {columns} FROM (
    SELECT count(*) AS environments FROM environments WHERE app_id = $1 AND deleted_at IS NULL AND is_ephemeral
) AS counted;

-- name: preview_by_ref
SELECT {columns} FROM environments
WHERE app_id = $1 AND source_ref = $2 AND is_ephemeral AND deleted_at IS NULL FOR NO KEY UPDATE;

-- name: slugs_like
SELECT {columns} FROM environments WHERE app_id = $1 AND starts_with(slug, $2);

-- name: stored
-- What is stored of environments, and how many keys and tokens they have.
SELECT {columns} FROM (
    SELECT coalesce(sum(s.events), 0)::bigint AS events, coalesce(sum(s.bytes), 0)::bigint AS bytes,
           (SELECT count(*) FROM credentials
            WHERE environment_id = ANY ($1::text[]) AND revoked_at IS NULL) AS keys
    FROM unnest($1::text[]) AS e, stored_before(e, 'infinity') AS s
) AS impact;

-- name: stored_before
SELECT {columns} FROM (
    SELECT s.events, s.bytes, 0 AS keys FROM stored_before($1, $2) AS s
) AS impact;

-- name: hurry
SET LOCAL statement_timeout = '2s';

-- name: hurry_no_more
SET LOCAL statement_timeout = DEFAULT;

-- name: stored_in_channel
SELECT {columns} FROM (
    SELECT count(*) AS events, coalesce(sum(size_bytes), 0)::bigint AS bytes,
           (SELECT count(*) FROM credentials WHERE channel_id = $2 AND revoked_at IS NULL) AS keys
    FROM (
        SELECT pg_column_size(t.*) AS size_bytes FROM spans AS t WHERE environment = ANY ($1::text[]) AND channel = $2
        UNION ALL
        SELECT pg_column_size(t.*) FROM logs AS t WHERE environment = ANY ($1::text[]) AND channel = $2
        UNION ALL
        SELECT pg_column_size(t.*) FROM metric_points AS t WHERE environment = ANY ($1::text[]) AND channel = $2
        UNION ALL
        SELECT pg_column_size(t.*) FROM error_events AS t WHERE environment = ANY ($1::text[]) AND channel = $2
        UNION ALL
        SELECT pg_column_size(t.*) FROM sentry_items AS t WHERE environment = ANY ($1::text[]) AND channel = $2
    ) AS found
) AS impact;

-- name: mismatches
-- Within little time, so that the primary key leads to few rows for each partition.
SELECT {columns} FROM (
    SELECT coalesce(sum(mismatched), 0)::bigint AS events, max(minute) FILTER (WHERE mismatched > 0) AS last_at
    FROM events_by_minute WHERE environment = $1 AND minute >= $2
) AS counted;

-- name: channel_by_id
SELECT {columns} FROM channels
WHERE app_id IN (SELECT id FROM apps WHERE org_id = $1) AND id = $2 AND deleted_at IS NULL;

-- name: channel_to_change
SELECT {columns} FROM channels
WHERE app_id IN (SELECT id FROM apps WHERE org_id = $1) AND id = $2 AND deleted_at IS NULL FOR NO KEY UPDATE;

-- name: channels_page
-- The id is only the tie-break here: any order that stays the same will do, and cursors carry texts.
SELECT {columns} FROM channels
WHERE app_id = $1 AND (created_at, id::text) > ($2, $3) AND deleted_at IS NULL ORDER BY created_at, id::text LIMIT $4;

-- name: insert_channel
INSERT INTO channels (app_id, slug, name) VALUES ($1, $2, $3)
ON CONFLICT (app_id, slug) DO NOTHING RETURNING {columns};

-- name: update_channel
UPDATE channels SET name = $2 WHERE id = $1 RETURNING {columns};

-- name: delete_channel
WITH tokens AS (
    UPDATE credentials SET revoked_at = $2 WHERE channel_id = $1 AND revoked_at IS NULL
)
UPDATE channels SET deleted_at = $2 WHERE id = $1;

-- name: number_channels_from_one
-- A first start that was killed may have used up number 1.
SELECT setval(pg_get_serial_sequence('channels', 'id'), 1, false) WHERE NOT EXISTS (SELECT FROM channels);
