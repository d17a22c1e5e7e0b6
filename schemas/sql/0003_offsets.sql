-- Where each partition stands: PostgreSQL holds the truth about offsets, in the same transaction as the rows.

-- `epoch` grows with each claim and fences the owner before; `backend_pid` lets a claimer end a zombie's session.
CREATE TABLE ingest_offset (
    topic       text NOT NULL,
    part        integer NOT NULL,
    next_offset bigint NOT NULL,
    epoch       bigint NOT NULL,
    owner       text NOT NULL,
    backend_pid integer NOT NULL,
    claimed_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, part)
) WITH (fillfactor = 50);

-- What has been stored, so that a repeat which we cause ourselves is stored once. Range-partitioned by ingest id
-- (UUIDv7: by time), so that what is older than any possible repeat goes by DROP.
CREATE TABLE ingest_seen (
    environment text NOT NULL,
    ingest_id   uuid NOT NULL,
    part        integer NOT NULL,
    PRIMARY KEY (ingest_id, environment, part)
) PARTITION BY RANGE (ingest_id);

-- The same Sentry event sent again on a channel and environment is stored once.
CREATE TABLE sentry_seen (
    environment text NOT NULL,
    channel     bigint NOT NULL,
    item_type   text NOT NULL,
    event_id    uuid NOT NULL,
    seen_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (environment, channel, item_type, event_id)
);
CREATE INDEX ON sentry_seen USING brin (seen_at);

-- Answer nothing; make the partition of `ingest_seen` for the day of a moment if it is missing. A UUIDv7 begins with 48
-- bits of milliseconds since 1970 (RFC 9562, section 5.7).
CREATE FUNCTION ensure_ingest_seen(moment timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    starts timestamptz := date_trunc('day', moment AT TIME ZONE 'UTC') AT TIME ZONE 'UTC';
    twig   text := 'ingest_seen_' || to_char(starts AT TIME ZONE 'UTC', 'YYYYMMDD');
BEGIN
    IF to_regclass(twig) IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('ingest_seen', 0));
    IF to_regclass(twig) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE ingest_seen INCLUDING ALL)', twig);
    EXECUTE format('ALTER TABLE ingest_seen ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', twig,
                   ingest_id_floor(starts), ingest_id_floor(starts + interval '1 day'));
END $$;

-- Answer the smallest ingest id of a moment.
CREATE FUNCTION ingest_id_floor(moment timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;
