-- The control plane's queries by name. {columns} are the fields of the struct that a query answers; $1 is the
-- organization wherever tenants ask, so that nothing of another one is ever found.

-- name: credential_by_id
SELECT {columns} FROM credentials WHERE id = $1;

-- name: org_by_slug
SELECT {columns} FROM orgs WHERE slug = $1;

-- name: insert_org
INSERT INTO orgs (id, slug, name) VALUES ($1, $2, $3) ON CONFLICT (slug) DO NOTHING RETURNING {columns};

-- name: app_by_id
SELECT {columns} FROM apps WHERE org_id = $1 AND id = $2;

-- name: app_by_slug
SELECT {columns} FROM apps WHERE org_id = $1 AND slug = $2;

-- name: apps_page
SELECT {columns} FROM apps
WHERE org_id = $1 AND (created_at, id) > ($2, $3) ORDER BY created_at, id LIMIT $4;

-- name: insert_app
INSERT INTO apps (org_id, id, slug, name, default_environment_id) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (org_id, slug) DO NOTHING RETURNING {columns};

-- name: set_default_channel
UPDATE apps SET default_channel_id = $3 WHERE org_id = $1 AND id = $2 RETURNING {columns};

-- name: environment_by_id
SELECT {columns} FROM environments
WHERE app_id IN (SELECT id FROM apps WHERE org_id = $1) AND id = $2 AND deleted_at IS NULL;

-- name: environment_by_slug
-- Deleted ones too: their slugs are never used again.
SELECT {columns} FROM environments WHERE app_id = $1 AND slug = $2;

-- name: environments_page
SELECT {columns} FROM environments
WHERE app_id = $1 AND (created_at, id) > ($2, $3) AND deleted_at IS NULL ORDER BY created_at, id LIMIT $4;

-- name: live_environments
SELECT {columns} FROM environments WHERE deleted_at IS NULL ORDER BY created_at, id;

-- name: insert_environment
INSERT INTO environments (app_id, id, slug, name, color, is_production, is_ephemeral, expires_at,
                          require_confirmation_for_destructive, partitions, retention_days)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (app_id, slug) DO NOTHING RETURNING {columns};

-- name: channel_by_id
SELECT {columns} FROM channels
WHERE app_id IN (SELECT id FROM apps WHERE org_id = $1) AND id = $2 AND deleted_at IS NULL;

-- name: channels_page
-- The id is only the tie-break here: any order that stays the same will do, and cursors carry texts.
SELECT {columns} FROM channels
WHERE app_id = $1 AND (created_at, id::text) > ($2, $3) AND deleted_at IS NULL ORDER BY created_at, id::text LIMIT $4;

-- name: insert_channel
INSERT INTO channels (app_id, slug, name) VALUES ($1, $2, $3)
ON CONFLICT (app_id, slug) DO NOTHING RETURNING {columns};

-- name: number_channels_from_one
-- A first start that was killed may have used up number 1.
SELECT setval(pg_get_serial_sequence('channels', 'id'), 1, false) WHERE NOT EXISTS (SELECT FROM channels);

-- name: insert_credential
INSERT INTO credentials (org_id, id, kind, digest, pepper_version, hint, last4, app_id, environment_id, channel_id,
                         name, allow_environment_override, override_environments, origins, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) RETURNING {columns};

-- name: api_key_by_id
SELECT {columns} FROM credentials WHERE org_id = $1 AND id = $2 AND kind = 'ak';

-- name: api_key_to_update
SELECT {columns} FROM credentials WHERE org_id = $1 AND id = $2 AND kind = 'ak' FOR UPDATE;

-- name: api_keys_page
SELECT {columns} FROM credentials
WHERE org_id = $1 AND kind = 'ak' AND (created_at, id) > ($2, $3)
  AND ($5::text IS NULL OR app_id = $5) AND ($6::text IS NULL OR environment_id = $6)
ORDER BY created_at, id LIMIT $4;

-- name: update_api_key
UPDATE credentials SET environment_id = $3, name = $4, allow_environment_override = $5, override_environments = $6,
                       expires_at = $7
WHERE org_id = $1 AND id = $2 AND kind = 'ak' RETURNING {columns};

-- name: public_token_by_id
SELECT {columns} FROM credentials WHERE org_id = $1 AND id = $2 AND kind = 'pt';

-- name: public_tokens_page
SELECT {columns} FROM credentials
WHERE org_id = $1 AND kind = 'pt' AND (created_at, id) > ($2, $3)
  AND ($5::text IS NULL OR app_id = $5) AND ($6::text IS NULL OR environment_id = $6)
  AND ($7::bigint IS NULL OR channel_id = $7)
ORDER BY created_at, id LIMIT $4;

-- name: revoke_credential
UPDATE credentials SET revoked_at = coalesce(revoked_at, now())
WHERE org_id = $1 AND id = $2 AND kind = $3 RETURNING {columns};
