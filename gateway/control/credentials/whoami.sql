-- Who asks, whatever kind of key it is.

-- name: holder
SELECT {columns} FROM (
    SELECT c.id AS key_id, c.kind, c.name, c.org_id, c.member_id, c.app_id, a.slug AS app_slug, c.environment_id,
           e.slug AS environment_slug, e.is_production, e.ingest, e.source_ref, e.expires_at AS environment_expires_at,
           e.deleted_at AS environment_deleted_at, coalesce(c.channel_id, a.default_channel_id) AS channel_id,
           CASE WHEN c.kind = 'mk' THEN '{}' ELSE c.scopes END AS scopes, c.allow_environment_override,
           c.override_environments, c.origins, c.networks, least(c.expires_at, c.retire_at) AS expires_at
    FROM credentials AS c
    LEFT JOIN apps AS a ON a.id = c.app_id
    LEFT JOIN environments AS e ON e.id = c.environment_id
    WHERE c.id = $1
) AS held;

-- name: override_targets
-- Environments that requests with a key may name.
SELECT {columns} FROM environments
WHERE app_id = $1 AND deleted_at IS NULL AND ingest <> 'archived' AND (expires_at IS NULL OR expires_at > $2)
  AND ($3::text[] IS NULL OR slug = ANY ($3) OR id = $4)
ORDER BY created_at, id;

-- name: bindings_shown
SELECT {columns} FROM (
    SELECT b.role, b.scope, coalesce(b.app_id, b.tier, b.environment_id) AS target
    FROM role_bindings AS b WHERE b.org_id = $1 AND (b.key_id = $2 OR b.member_id = $3)
    ORDER BY b.created_at, b.id
) AS bound;

-- name: quotas
-- Of a key and its environment, where they have one; what was used this month, up to some seconds ago.
SELECT {columns} FROM (
    SELECT q.of, q.quota AS monthly_quota, coalesce(u.requests, 0) AS used_requests, coalesce(u.bytes, 0) AS used_bytes
    FROM (
        SELECT 'key' AS of, id, monthly_quota AS quota FROM credentials WHERE id = $1
        UNION ALL
        SELECT 'environment', id, monthly_quota FROM environments WHERE id = $2
    ) AS q
    LEFT JOIN usage_by_month AS u
      ON u.subject = q.id AND u.month = date_trunc('month', $3::timestamptz AT TIME ZONE 'UTC')::date
    WHERE q.quota IS NOT NULL
) AS quotas;
