-- The control plane: tiers, who may do what where, what was done, and what a call remembers. Columns that are added have
-- defaults or are filled in by triggers, for the version before writes to these tables without knowing of them.

-- The organization's own environments; an app's environment belongs to one of them.
CREATE TABLE tiers (
    org_id text NOT NULL REFERENCES orgs,
    slug   text NOT NULL CHECK (slug ~ '^[a-z0-9-]{1,40}$'),
    name   text NOT NULL,
    PRIMARY KEY (org_id, slug)
);

-- A custom role is a base role minus permissions; the built-in ones are their own base.
CREATE TABLE roles (
    org_id      text NOT NULL REFERENCES orgs,
    slug        text NOT NULL CHECK (slug ~ '^[a-z0-9-]{1,40}$'),
    name        text NOT NULL,
    base        text NOT NULL CHECK (base IN ('agent', 'developer', 'admin')),
    without     text[] NOT NULL DEFAULT '{}',
    is_built_in boolean NOT NULL DEFAULT false,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, slug),
    CHECK (NOT is_built_in OR slug = base AND without = '{}')
);

CREATE FUNCTION seed_organization(of_org text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO tiers (org_id, slug, name) VALUES
        (of_org, 'development', 'Development'), (of_org, 'qa', 'QA'), (of_org, 'production', 'Production');
    INSERT INTO roles (org_id, slug, name, base, is_built_in) VALUES
        (of_org, 'agent', 'Agent', 'agent', true), (of_org, 'developer', 'Developer', 'developer', true),
        (of_org, 'admin', 'Admin', 'admin', true);
$$;

CREATE FUNCTION organization_made() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM seed_organization(NEW.id);
    RETURN NULL;
END $$;

SELECT seed_organization(id) FROM orgs;
CREATE TRIGGER seed AFTER INSERT ON orgs FOR EACH ROW EXECUTE FUNCTION organization_made();

-- A deleted app stays as a tombstone, like its environments and channels.
ALTER TABLE apps ADD COLUMN deleted_at timestamptz;

-- `created_by` is the actor of the audit log; `purged_at` is set once nothing of a deleted environment is left.
ALTER TABLE environments
    ADD COLUMN org_id text,
    ADD COLUMN tier text,
    ADD COLUMN created_by text,
    ADD COLUMN purged_at timestamptz;

CREATE FUNCTION place_environment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.org_id IS NULL THEN
        SELECT org_id INTO NEW.org_id FROM apps WHERE id = NEW.app_id;
    END IF;
    IF NEW.tier IS NULL THEN
        NEW.tier := CASE WHEN NEW.is_production THEN 'production' ELSE 'development' END;
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER place BEFORE INSERT ON environments FOR EACH ROW EXECUTE FUNCTION place_environment();

UPDATE environments AS e
SET org_id = a.org_id, tier = CASE WHEN e.is_production THEN 'production' ELSE 'development' END
FROM apps AS a WHERE a.id = e.app_id;

ALTER TABLE environments
    ALTER COLUMN org_id SET NOT NULL,
    ALTER COLUMN tier SET NOT NULL,
    ADD UNIQUE (org_id, id),
    ADD FOREIGN KEY (org_id, app_id) REFERENCES apps (org_id, id),
    ADD FOREIGN KEY (org_id, tier) REFERENCES tiers (org_id, slug);

-- One live preview for a branch or pull request.
CREATE UNIQUE INDEX environments_preview ON environments (app_id, source_ref)
    WHERE deleted_at IS NULL AND is_ephemeral AND source_ref IS NOT NULL;
CREATE INDEX environments_expiring ON environments (expires_at) WHERE deleted_at IS NULL AND expires_at IS NOT NULL;
CREATE INDEX environments_unpurged ON environments (deleted_at) WHERE deleted_at IS NOT NULL AND purged_at IS NULL;

CREATE TABLE members (
    id         text PRIMARY KEY,
    org_id     text NOT NULL REFERENCES orgs,
    email      text NOT NULL,
    name       text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    removed_at timestamptz,
    UNIQUE (org_id, id)
);
CREATE UNIQUE INDEX members_email ON members (org_id, lower(email)) WHERE removed_at IS NULL;

-- A management key acts for its member, or else for itself.
ALTER TABLE credentials
    ADD COLUMN member_id text,
    ADD COLUMN created_by text,
    ADD UNIQUE (org_id, id),
    ADD FOREIGN KEY (org_id, member_id) REFERENCES members (org_id, id),
    ADD CHECK (kind = 'mk' OR member_id IS NULL);
CREATE INDEX ON credentials (environment_id);

-- Who has which role where; everything that a row names belongs to its organization.
CREATE TABLE role_bindings (
    id             text PRIMARY KEY,
    org_id         text NOT NULL REFERENCES orgs,
    member_id      text,
    key_id         text,
    role           text NOT NULL,
    scope          text NOT NULL CHECK (scope IN ('organization', 'app', 'tier', 'environment')),
    app_id         text,
    tier           text,
    environment_id text,
    created_at     timestamptz NOT NULL DEFAULT now(),
    CHECK (num_nonnulls(member_id, key_id) = 1),
    CHECK ((scope = 'app') = (app_id IS NOT NULL)),
    CHECK ((scope = 'tier') = (tier IS NOT NULL)),
    CHECK ((scope = 'environment') = (environment_id IS NOT NULL)),
    UNIQUE NULLS NOT DISTINCT (org_id, member_id, key_id, role, app_id, tier, environment_id),
    FOREIGN KEY (org_id, member_id) REFERENCES members (org_id, id),
    FOREIGN KEY (org_id, key_id) REFERENCES credentials (org_id, id),
    FOREIGN KEY (org_id, role) REFERENCES roles (org_id, slug),
    FOREIGN KEY (org_id, app_id) REFERENCES apps (org_id, id),
    FOREIGN KEY (org_id, tier) REFERENCES tiers (org_id, slug),
    FOREIGN KEY (org_id, environment_id) REFERENCES environments (org_id, id)
);
CREATE INDEX ON role_bindings (member_id);
CREATE INDEX ON role_bindings (key_id);

-- Until now every management key could do everything.
INSERT INTO role_bindings (id, org_id, key_id, role, scope)
SELECT id, org_id, id, 'admin', 'organization' FROM credentials WHERE kind = 'mk';

-- A destructive call that waits for its confirmation: good once, for the same call of the same actor.
CREATE TABLE challenges (
    id         text PRIMARY KEY,
    org_id     text NOT NULL REFERENCES orgs,
    actor      text NOT NULL,
    request    bytea NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX ON challenges (expires_at);

-- The answer to a POST with an Idempotency-Key, sealed: it may hold a key that is shown once.
CREATE TABLE idempotency (
    org_id         text NOT NULL REFERENCES orgs,
    actor          text NOT NULL,
    key_digest     bytea NOT NULL,
    request        bytea NOT NULL,
    pepper_version integer NOT NULL,
    answer         bytea,
    created_at     timestamptz NOT NULL,
    PRIMARY KEY (org_id, actor, key_digest)
);
CREATE INDEX ON idempotency (created_at);

-- What was done, one chain an organization: `hash` covers the row and the hash before. `diff` is `json`, which keeps the
-- text that was hashed. The head says where a chain ends, so that a cut-off end is noticed.
CREATE TABLE audit (
    org_id      text NOT NULL REFERENCES orgs,
    seq         bigint NOT NULL,
    prev_hash   bytea NOT NULL,
    hash        bytea NOT NULL,
    at          timestamptz NOT NULL,
    actor       text NOT NULL,
    action      text NOT NULL,
    target      text NOT NULL,
    environment text,
    diff        json NOT NULL,
    PRIMARY KEY (org_id, seq)
);
CREATE INDEX ON audit (org_id, environment, seq);
CREATE INDEX ON audit (org_id, actor, seq);

CREATE TABLE audit_heads (
    org_id text PRIMARY KEY REFERENCES orgs,
    seq    bigint NOT NULL,
    hash   bytea NOT NULL
);

CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The audit log takes no % of what stands in it.', lower(TG_OP);
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER append_only_table BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
