-- The queries of API keys, public tokens, limits and usage. When a credential was last used stands in a table of its
-- own, which edge processes write.

-- name: insert_credential
WITH made AS (
    INSERT INTO credentials (org_id, id, kind, digest, pepper_version, hint, last4, created_by, app_id, environment_id,
                             channel_id, member_id, name, allow_environment_override, override_environments, scopes,
                             origins, networks, expires_at, rate, monthly_quota, over_quota, rotated_from)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)
    RETURNING *
)
SELECT {columns} FROM made LEFT JOIN credential_uses ON credential_id = id;

-- name: api_key_by_id
SELECT {columns} FROM credentials LEFT JOIN credential_uses ON credential_id = id
WHERE org_id = $1 AND id = $2 AND kind = 'ak';

-- name: api_key_to_change
SELECT {columns} FROM credentials LEFT JOIN credential_uses ON credential_id = id
WHERE org_id = $1 AND id = $2 AND kind = 'ak' FOR NO KEY UPDATE OF credentials;

-- name: api_keys_page
SELECT {columns} FROM credentials LEFT JOIN credential_uses ON credential_id = id
WHERE org_id = $1 AND kind = 'ak' AND (created_at, id) > ($2, $3)
  AND environment_id IN (
      SELECT e.id FROM environments AS e
      WHERE e.org_id = $1 AND e.deleted_at IS NULL
        AND ($5::boolean OR e.app_id = ANY ($6::text[]) OR e.tier = ANY ($7::text[]) OR e.id = ANY ($8::text[])))
  AND ($9::text IS NULL OR app_id = $9) AND ($10::text IS NULL OR environment_id = $10)
ORDER BY created_at, id LIMIT $4;

-- name: other_live_keys
SELECT {columns} FROM (
    SELECT count(*) AS keys FROM credentials
    WHERE environment_id = $1 AND kind = 'ak' AND id <> $2 AND revoked_at IS NULL
      AND (expires_at IS NULL OR expires_at > $3) AND (retire_at IS NULL OR retire_at > $3)
) AS counted;

-- name: public_token_by_id
SELECT {columns} FROM credentials LEFT JOIN credential_uses ON credential_id = id
WHERE org_id = $1 AND id = $2 AND kind = 'pt';

-- name: public_token_to_change
SELECT {columns} FROM credentials LEFT JOIN credential_uses ON credential_id = id
WHERE org_id = $1 AND id = $2 AND kind = 'pt' FOR NO KEY UPDATE OF credentials;

-- name: public_tokens_page
SELECT {columns} FROM credentials LEFT JOIN credential_uses ON credential_id = id
WHERE org_id = $1 AND kind = 'pt' AND (created_at, id) > ($2, $3)
  AND environment_id IN (
      SELECT e.id FROM environments AS e
      WHERE e.org_id = $1 AND e.deleted_at IS NULL
        AND ($5::boolean OR e.app_id = ANY ($6::text[]) OR e.tier = ANY ($7::text[]) OR e.id = ANY ($8::text[])))
  AND ($9::text IS NULL OR app_id = $9) AND ($10::text IS NULL OR environment_id = $10)
  AND ($11::bigint IS NULL OR channel_id = $11)
ORDER BY created_at, id LIMIT $4;

-- name: update_credential
WITH changed AS (
    UPDATE credentials SET environment_id = $3, name = $4, allow_environment_override = $5, override_environments = $6,
                           scopes = $7, origins = $8, networks = $9, expires_at = $10, rate = $11, monthly_quota = $12,
                           over_quota = $13
    WHERE org_id = $1 AND id = $2 RETURNING *
)
SELECT {columns} FROM changed LEFT JOIN credential_uses ON credential_id = id;

-- name: retire_credential
UPDATE credentials SET retire_at = $3 WHERE org_id = $1 AND id = $2;

-- name: take_over_quota
-- What a credential used this month counts for its successor too.
INSERT INTO usage_by_month (subject, month, requests, bytes)
SELECT $2, month, requests, bytes FROM usage_by_month
WHERE subject = $1 AND month = date_trunc('month', $3::timestamptz AT TIME ZONE 'UTC')::date;

-- name: revoke_credential
WITH changed AS (
    UPDATE credentials SET revoked_at = coalesce(revoked_at, now())
    WHERE org_id = $1 AND id = $2 AND kind = $3 RETURNING *
)
SELECT {columns} FROM changed LEFT JOIN credential_uses ON credential_id = id;

-- name: appliers_of
-- Each edge process, and whether it resolves with the last change of a credential. One that has been silent for an hour
-- is gone.
SELECT {columns} FROM (
    SELECT p.id, p.host, p.pid, p.started_at, p.heartbeat_at,
           coalesce(pg_visible_in_snapshot(c.changed_xid, p.applied), false) AS has_applied,
           p.heartbeat_at < now() - interval '10 seconds' AS is_silent
    FROM edge_processes AS p, credentials AS c
    WHERE c.id = $1 AND p.heartbeat_at > now() - interval '1 hour'
    ORDER BY p.id
) AS appliers;

-- name: policy_of
SELECT {columns} FROM (SELECT *, id AS environment_id FROM environments) AS policies
WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL;

-- name: update_policy
WITH changed AS (
    UPDATE environments SET rate = $3, monthly_quota = $4, over_quota = $5, categories = $6
    WHERE org_id = $1 AND id = $2 RETURNING *
)
SELECT {columns} FROM (SELECT *, id AS environment_id FROM changed) AS policies;

-- name: usage_of
SELECT {columns} FROM (
    SELECT date_bin($4::interval, minute, '2000-01-01Z') AS at, credential_id,
           sum(requests)::bigint AS requests, sum(items)::bigint AS items, sum(bytes)::bigint AS bytes
    FROM usage_by_minute WHERE environment_id = $1 AND minute >= $2 AND minute < $3
    GROUP BY 1, 2 LIMIT $5
) AS used;

-- name: refusals_of
SELECT {columns} FROM (
    SELECT date_bin($4::interval, minute, '2000-01-01Z') AS at, credential_id, reason, sum(requests)::bigint AS requests
    FROM refusals_by_minute WHERE environment_id = $1 AND minute >= $2 AND minute < $3
    GROUP BY 1, 2, 3 LIMIT $5
) AS refused;

-- name: outcomes_of
SELECT {columns} FROM (
    SELECT date_bin($4::interval, minute, '2000-01-01Z') AS at, outcome, reason, category,
           sum(quantity)::bigint AS quantity
    FROM sentry_outcomes WHERE environment = $1 AND minute >= $2 AND minute < $3
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4 LIMIT $5
) AS found;
