-- The queries about members, roles, bindings and management keys; $1 is the organization.

-- name: member_by_id
SELECT {columns} FROM members WHERE org_id = $1 AND id = $2 AND removed_at IS NULL;

-- name: member_to_change
SELECT {columns} FROM members WHERE org_id = $1 AND id = $2 AND removed_at IS NULL FOR NO KEY UPDATE;

-- name: members_page
SELECT {columns} FROM members
WHERE org_id = $1 AND (created_at, id) > ($2, $3) AND removed_at IS NULL ORDER BY created_at, id LIMIT $4;

-- name: insert_member
INSERT INTO members (org_id, id, email, name) VALUES ($1, $2, $3, $4)
ON CONFLICT (org_id, lower(email)) WHERE removed_at IS NULL DO NOTHING RETURNING {columns};

-- name: update_member
UPDATE members SET email = $3, name = $4
WHERE org_id = $1 AND id = $2 AND NOT EXISTS (
    SELECT FROM members AS m WHERE m.org_id = $1 AND m.id <> $2 AND lower(m.email) = lower($3) AND m.removed_at IS NULL)
RETURNING {columns};

-- name: remove_member
-- With the member go the bindings, and the keys that act for the member.
WITH bindings AS (
    DELETE FROM role_bindings WHERE org_id = $1 AND member_id = $2
), keys AS (
    UPDATE credentials SET revoked_at = $3 WHERE org_id = $1 AND member_id = $2 AND revoked_at IS NULL
)
UPDATE members SET removed_at = $3 WHERE org_id = $1 AND id = $2;

-- name: roles_of
SELECT {columns} FROM roles WHERE org_id = $1 ORDER BY is_built_in DESC, created_at, base, slug;

-- name: role_by_slug
SELECT {columns} FROM roles WHERE org_id = $1 AND slug = $2;

-- name: insert_role
INSERT INTO roles (org_id, slug, name, base, without) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING RETURNING {columns};

-- name: bindings_with_role
SELECT {columns} FROM (SELECT count(*) AS bindings FROM role_bindings WHERE org_id = $1 AND role = $2) AS counted;

-- name: delete_role
DELETE FROM roles WHERE org_id = $1 AND slug = $2;

-- name: role_bindings_page
SELECT {columns} FROM (
    SELECT id, member_id, key_id AS management_key_id, role, scope, coalesce(app_id, tier, environment_id) AS target,
           created_at
    FROM role_bindings WHERE org_id = $1
) AS bindings
WHERE (created_at, id) > ($2, $3)
  AND ($5::text IS NULL OR member_id = $5) AND ($6::text IS NULL OR management_key_id = $6)
ORDER BY created_at, id LIMIT $4;

-- name: role_binding_by_id
SELECT {columns} FROM (
    SELECT id, member_id, key_id AS management_key_id, role, scope, coalesce(app_id, tier, environment_id) AS target,
           created_at
    FROM role_bindings WHERE org_id = $1 AND id = $2
) AS binding;

-- name: insert_role_binding
WITH made AS (
    INSERT INTO role_bindings (org_id, id, member_id, key_id, role, scope, app_id, tier, environment_id)
    VALUES ($1, $2, $3, $4, $5, $6, CASE WHEN $6 = 'app' THEN $7 END, CASE WHEN $6 = 'tier' THEN $7 END,
            CASE WHEN $6 = 'environment' THEN $7 END)
    ON CONFLICT DO NOTHING RETURNING *
)
SELECT {columns} FROM (
    SELECT id, member_id, key_id AS management_key_id, role, scope, coalesce(app_id, tier, environment_id) AS target,
           created_at
    FROM made
) AS binding;

-- name: delete_role_binding
DELETE FROM role_bindings WHERE org_id = $1 AND id = $2;

-- name: lock_access
-- One after the other in an organization: the last administrator must not be lost to two calls at once.
SELECT pg_advisory_xact_lock(hashtextextended('access ' || $1, 0));

-- name: live_administrators
-- Live keys that are, or act for, an administrator of the whole organization.
SELECT {columns} FROM (
    SELECT count(*) AS keys
    FROM credentials AS c
    WHERE c.org_id = $1 AND c.kind = 'mk' AND c.revoked_at IS NULL AND (c.expires_at IS NULL OR c.expires_at > $2)
      AND EXISTS (
          SELECT FROM role_bindings AS b
          WHERE b.org_id = $1 AND b.scope = 'organization' AND b.role = 'admin'
            AND (b.key_id = c.id OR b.member_id = c.member_id))
) AS counted;

-- name: management_key_by_id
SELECT {columns} FROM credentials WHERE org_id = $1 AND id = $2 AND kind = 'mk';

-- name: management_key_to_change
SELECT {columns} FROM credentials WHERE org_id = $1 AND id = $2 AND kind = 'mk' FOR NO KEY UPDATE;

-- name: management_keys_page
SELECT {columns} FROM credentials
WHERE org_id = $1 AND kind = 'mk' AND (created_at, id) > ($2, $3) ORDER BY created_at, id LIMIT $4;
