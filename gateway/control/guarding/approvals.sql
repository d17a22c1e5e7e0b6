-- The queries of approvals, and of tiers; $1 is the organization. Where an approval's environment is, is said by the
-- environment as it is now, or was when it was deleted; a channel is in all environments of its app.

-- name: insert_approval
WITH made AS (
    INSERT INTO approvals (org_id, id, action, permission, app_id, environment_id, channel_id, key_id, retention_days,
                           reason, requested_by, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
    RETURNING *
)
SELECT {columns} FROM (SELECT *, 'pending' AS state FROM made) AS asked;

-- name: approval_by_id
SELECT {columns} FROM (
    SELECT a.*, approval_state(a, $3) AS state, e.tier, e.created_by AS owner,
           coalesce(e.is_production, EXISTS (
               SELECT FROM environments AS p
               WHERE p.app_id = a.app_id AND p.is_production AND p.deleted_at IS NULL)) AS is_production
    FROM approvals AS a LEFT JOIN environments AS e ON e.id = a.environment_id
    WHERE a.org_id = $1 AND a.id = $2
) AS asked;

-- name: own_approval
SELECT {columns} FROM (
    SELECT a.*, approval_state(a, $3) AS state FROM approvals AS a
    WHERE a.org_id = $1 AND a.id = $2 AND a.requested_by = $4
) AS asked;

-- name: approvals_page
-- Those that the actor $6 asked for, and those that rights allow to decide on: a right is a permission, where its
-- binding reaches, and in which of those places it holds, `all`, `non_production` or `own`.
SELECT {columns} FROM (
    SELECT a.*, approval_state(a, $5) AS state, e.tier, e.created_by AS owner,
           coalesce(e.is_production, EXISTS (
               SELECT FROM environments AS p
               WHERE p.app_id = a.app_id AND p.is_production AND p.deleted_at IS NULL)) AS is_production
    FROM approvals AS a LEFT JOIN environments AS e ON e.id = a.environment_id
    WHERE a.org_id = $1 AND (a.created_at, a.id) > ($2, $3)
) AS asked
WHERE ($7::text IS NULL OR state = $7)
  AND (requested_by = $6 OR EXISTS (
      SELECT FROM unnest($8::text[], $9::text[], $10::text[], $11::text[]) AS r (permission, scope, target, held)
      WHERE r.permission = asked.permission
        AND CASE r.scope WHEN 'organization' THEN true
                         WHEN 'app' THEN r.target = app_id
                         WHEN 'tier' THEN r.target = tier
                         ELSE r.target = environment_id END
        AND CASE r.held WHEN 'all' THEN true
                        WHEN 'non_production' THEN NOT is_production
                        ELSE owner = $6 END))
ORDER BY created_at, id LIMIT $4;

-- name: hold_approval
SELECT FROM approvals WHERE org_id = $1 AND id = $2 FOR NO KEY UPDATE;

-- name: decide_approval
WITH decided AS (
    UPDATE approvals SET is_approved = $3, decided_by = $4, decided_at = $5, decision_reason = $6, expires_at = $7
    WHERE org_id = $1 AND id = $2 RETURNING *
)
SELECT {columns} FROM (SELECT *, CASE WHEN is_approved THEN 'approved' ELSE 'rejected' END AS state FROM decided) AS asked;

-- name: use_approval
WITH used AS (
    UPDATE approvals SET used_at = $3 WHERE org_id = $1 AND id = $2 RETURNING *
)
SELECT {columns} FROM (SELECT *, 'used' AS state FROM used) AS asked;

-- name: tiers_page
-- Four arguments from $2 on are what the caller reaches.
SELECT {columns} FROM tiers AS t
WHERE org_id = $1
  AND ($2::boolean OR cardinality($3::text[]) > 0 OR slug = ANY ($4::text[]) OR EXISTS (
      SELECT FROM environments AS e
      WHERE e.org_id = t.org_id AND e.tier = t.slug AND e.id = ANY ($5::text[]) AND e.deleted_at IS NULL))
ORDER BY array_position('{development,qa,production}', slug), slug;
