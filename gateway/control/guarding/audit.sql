-- The queries of changing calls: the audit log, challenges and idempotency keys.

-- name: start_audit
INSERT INTO audit_heads (org_id, seq, hash) VALUES ($1, 0, decode(repeat('00', 32), 'hex')) ON CONFLICT DO NOTHING;

-- name: audit_head_to_change
SELECT {columns} FROM (
    SELECT seq, encode(hash, 'hex') AS hash FROM audit_heads WHERE org_id = $1 FOR UPDATE
) AS head;

-- name: audit_head
SELECT {columns} FROM (SELECT seq, encode(hash, 'hex') AS hash FROM audit_heads WHERE org_id = $1) AS head;

-- name: append_audit
WITH head AS (
    UPDATE audit_heads SET seq = $2, hash = $4 WHERE org_id = $1
)
INSERT INTO audit (org_id, seq, prev_hash, hash, at, actor, action, target, environment, diff)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- name: audit_page
-- What one did oneself, and what concerns the environments that one reaches, those that are gone included.
SELECT {columns} FROM audit
WHERE org_id = $1 AND seq > $2
  AND (actor = $4 OR $5::boolean OR environment IN (
      SELECT e.id FROM environments AS e
      WHERE e.org_id = $1 AND (e.app_id = ANY ($6::text[]) OR e.tier = ANY ($7::text[]) OR e.id = ANY ($8::text[]))))
  AND ($9::text IS NULL OR environment = $9) AND ($10::text IS NULL OR actor = $10)
ORDER BY seq LIMIT $3;

-- name: issue_challenge
INSERT INTO challenges (id, org_id, actor, request, expires_at) VALUES ($1, $2, $3, $4, $5);

-- name: take_challenge
DELETE FROM challenges WHERE id = $1 AND org_id = $2 AND actor = $3 AND request = $4 AND expires_at > $5
RETURNING {columns};

-- name: claim_answer
-- Waits for a call with the same key that has not ended yet.
INSERT INTO idempotency (org_id, actor, key_digest, request, pepper_version, created_at)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING {columns};

-- name: kept_answer
SELECT {columns} FROM idempotency WHERE org_id = $1 AND actor = $2 AND key_digest = $3;

-- name: keep_answer
UPDATE idempotency SET answer = $4 WHERE org_id = $1 AND actor = $2 AND key_digest = $3;
