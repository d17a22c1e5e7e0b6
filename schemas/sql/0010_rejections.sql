-- The last requests that were refused although their key is real: where and why, never what was sent. An id is a ULID,
-- and so in the order of time.
CREATE TABLE rejections (
    environment   text NOT NULL,
    id            text NOT NULL,
    at            timestamptz NOT NULL,
    credential_id text NOT NULL,
    route         text NOT NULL,
    status        integer NOT NULL,
    reason        text NOT NULL,
    message       text NOT NULL,
    PRIMARY KEY (environment, id)
);

ALTER TABLE rejections ENABLE ROW LEVEL SECURITY;
CREATE POLICY reading ON rejections FOR SELECT TO axonpush_reader
    USING (environment IN (SELECT environments_of_reader()));
GRANT SELECT ON rejections TO axonpush_reader;

-- As before, and what was refused.
CREATE OR REPLACE FUNCTION forget_environment(of_environment text) RETURNS void LANGUAGE sql AS $$
    DELETE FROM resources WHERE environment = of_environment;
    DELETE FROM dead_letters WHERE environment = of_environment;
    DELETE FROM events_by_minute WHERE environment = of_environment;
    DELETE FROM sentry_seen WHERE environment = of_environment;
    DELETE FROM rejections WHERE environment = of_environment;
$$;
