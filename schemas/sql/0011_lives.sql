-- Traffic can extend an ephemeral environment's life: by `ttl_seconds` from each accepted request, `max_expires_at` at
-- most; where they are null it does not. The version before may go on to move `expires_at` without knowing of either.
ALTER TABLE environments
    ADD COLUMN ttl_seconds    bigint CHECK (ttl_seconds > 0),
    ADD COLUMN max_expires_at timestamptz,
    ADD CHECK ((ttl_seconds IS NULL) = (max_expires_at IS NULL));
