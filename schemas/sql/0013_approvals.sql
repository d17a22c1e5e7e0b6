-- A destructive call that somebody may not make alone: who asks for it, who decided, and whether it was made.

-- What an approval is for belongs to one app. `permission` is what the call takes, and so what who decides must hold.
CREATE TABLE approvals (
    id              text PRIMARY KEY,
    org_id          text NOT NULL REFERENCES orgs,
    action          text NOT NULL CHECK (action IN ('environment.wipe', 'environment.delete',
                                                    'environment.lower_retention', 'channel.delete', 'key.revoke')),
    permission      text NOT NULL,
    app_id          text NOT NULL,
    environment_id  text,
    channel_id      bigint,
    key_id          text,
    retention_days  integer CHECK (retention_days BETWEEN 1 AND 3650),
    reason          text NOT NULL,
    requested_by    text NOT NULL,
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    is_approved     boolean,
    decided_by      text,
    decided_at      timestamptz,
    decision_reason text,
    used_at         timestamptz,
    FOREIGN KEY (org_id, app_id) REFERENCES apps (org_id, id),
    FOREIGN KEY (app_id, environment_id) REFERENCES environments (app_id, id),
    FOREIGN KEY (app_id, channel_id) REFERENCES channels (app_id, id),
    FOREIGN KEY (org_id, key_id) REFERENCES credentials (org_id, id),
    CHECK ((action = 'channel.delete') = (channel_id IS NOT NULL)),
    CHECK ((action = 'channel.delete') = (environment_id IS NULL)),
    CHECK ((action = 'key.revoke') = (key_id IS NOT NULL)),
    CHECK ((action = 'environment.lower_retention') = (retention_days IS NOT NULL)),
    CHECK (num_nonnulls(is_approved, decided_by, decided_at) IN (0, 3)),
    CHECK (decided_by <> requested_by),
    CHECK (used_at IS NULL OR is_approved)
);
CREATE INDEX ON approvals (org_id, created_at, id);

-- `expires_at` is first until when somebody may decide, then until when the call may be made.
CREATE FUNCTION approval_state(asked approvals, moment timestamptz) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN asked.used_at IS NOT NULL THEN 'used'
                WHEN NOT asked.is_approved THEN 'rejected'
                WHEN asked.expires_at <= moment THEN 'expired'
                WHEN asked.is_approved THEN 'approved'
                ELSE 'pending' END
$$;
