-- What is stored: events partitioned by environment, then by receive time; and how a leaf for a moment is made.
-- `received_at` is our own clock: a client's clock in 1970 or 2100 cannot make a partition.

CREATE TABLE spans (
    environment              text NOT NULL,
    channel                  bigint NOT NULL,
    received_at              timestamptz NOT NULL,
    ingest_id                uuid NOT NULL,
    source                   text NOT NULL,
    trace_id                 bytea,
    span_id                  bytea,
    parent_span_id           bytea,
    trace_state              text,
    flags                    bigint NOT NULL DEFAULT 0,
    name                     text NOT NULL,
    kind                     smallint NOT NULL,
    start_ns                 bigint NOT NULL,
    start_ts                 timestamptz NOT NULL,
    duration_ns              bigint NOT NULL,
    status_code              smallint NOT NULL,
    status_message           text,
    service_name             text,
    resource_id              uuid,
    scope_name               text,
    scope_version            text,
    attributes               jsonb,
    events                   jsonb,
    links                    jsonb,
    dropped_attributes_count bigint NOT NULL DEFAULT 0,
    dropped_events_count     bigint NOT NULL DEFAULT 0,
    dropped_links_count      bigint NOT NULL DEFAULT 0,
    truncated                text[],
    event_environment        text,
    gen_ai_operation         text,
    gen_ai_provider          text,
    gen_ai_request_model     text,
    gen_ai_response_model    text,
    gen_ai_input_tokens      bigint,
    gen_ai_output_tokens     bigint,
    gen_ai_cached_tokens     bigint,
    gen_ai_reasoning_tokens  bigint,
    gen_ai_conversation_id   text,
    gen_ai_agent_name        text,
    gen_ai_tool_name         text,
    error_type               text
) PARTITION BY LIST (environment);
CREATE INDEX ON spans USING brin (received_at);
CREATE INDEX ON spans (trace_id);
CREATE INDEX ON spans (service_name, start_ts);
CREATE INDEX ON spans (start_ts) WHERE status_code = 2;

CREATE TABLE logs (
    environment              text NOT NULL,
    channel                  bigint NOT NULL,
    received_at              timestamptz NOT NULL,
    ingest_id                uuid NOT NULL,
    source                   text NOT NULL,
    ts                       timestamptz NOT NULL,
    time_ns                  bigint,
    observed_ns              bigint,
    severity_number          smallint NOT NULL,
    severity_text            text,
    body                     jsonb,
    body_text                text,
    event_name               text,
    trace_id                 bytea,
    span_id                  bytea,
    flags                    bigint NOT NULL DEFAULT 0,
    service_name             text,
    resource_id              uuid,
    scope_name               text,
    scope_version            text,
    attributes               jsonb,
    dropped_attributes_count bigint NOT NULL DEFAULT 0,
    truncated                text[],
    event_environment        text
) PARTITION BY LIST (environment);
CREATE INDEX ON logs USING brin (received_at);
CREATE INDEX ON logs (trace_id) WHERE trace_id IS NOT NULL;
CREATE INDEX ON logs (service_name, ts);
CREATE INDEX ON logs (ts) WHERE severity_number >= 17;

CREATE TABLE metric_points (
    environment       text NOT NULL,
    channel           bigint NOT NULL,
    received_at       timestamptz NOT NULL,
    ingest_id         uuid NOT NULL,
    source            text NOT NULL,
    name              text NOT NULL,
    type              text NOT NULL,
    unit              text,
    description       text,
    temporality       smallint,
    monotonic         boolean,
    start_ns          bigint,
    time_ns           bigint NOT NULL,
    ts                timestamptz NOT NULL,
    value_double      double precision,
    value_int         bigint,
    histogram         jsonb,
    exemplars         jsonb,
    flags             bigint NOT NULL DEFAULT 0,
    service_name      text,
    resource_id       uuid,
    scope_name        text,
    scope_version     text,
    attributes        jsonb,
    truncated         text[],
    event_environment text
) PARTITION BY LIST (environment);
CREATE INDEX ON metric_points USING brin (received_at);
CREATE INDEX ON metric_points (name, ts);

CREATE TABLE error_events (
    environment      text NOT NULL,
    channel          bigint NOT NULL,
    received_at      timestamptz NOT NULL,
    ingest_id        uuid NOT NULL,
    event_id         uuid NOT NULL,
    item_type        text NOT NULL,
    sent_at          timestamptz,
    timestamp        timestamptz NOT NULL,
    platform         text,
    level            text NOT NULL,
    logger           text,
    transaction      text,
    server_name      text,
    release          text,
    dist             text,
    sdk_environment  text,
    sdk_name         text,
    sdk_version      text,
    type             text,
    value            text,
    culprit          text,
    handled          boolean,
    trace_id         bytea,
    span_id          bytea,
    fingerprint      text[],
    grouping_hash    bytea NOT NULL,
    grouping_version smallint NOT NULL,
    "user"           jsonb,
    tags             jsonb,
    payload          jsonb NOT NULL,
    truncated        text[]
) PARTITION BY LIST (environment);
CREATE INDEX ON error_events USING brin (received_at);
CREATE INDEX ON error_events (event_id);
CREATE INDEX ON error_events (trace_id) WHERE trace_id IS NOT NULL;
CREATE INDEX ON error_events (grouping_hash, timestamp);

CREATE TABLE sentry_items (
    environment text NOT NULL,
    channel     bigint NOT NULL,
    received_at timestamptz NOT NULL,
    ingest_id   uuid NOT NULL,
    item        integer NOT NULL,
    event_id    uuid,
    type        text NOT NULL,
    headers     jsonb NOT NULL,
    json        jsonb,
    payload     bytea NOT NULL
) PARTITION BY LIST (environment);
CREATE INDEX ON sentry_items USING brin (received_at);
CREATE INDEX ON sentry_items (type, received_at);
CREATE INDEX ON sentry_items (event_id) WHERE event_id IS NOT NULL;

-- One row a chunk; the bytes of an attachment are its chunks in order. `size_bytes` is that of the whole.
CREATE TABLE attachments (
    environment     text NOT NULL,
    channel         bigint NOT NULL,
    received_at     timestamptz NOT NULL,
    ingest_id       uuid NOT NULL,
    item            integer NOT NULL,
    chunk           integer NOT NULL,
    event_id        uuid,
    filename        text,
    content_type    text,
    attachment_type text,
    size_bytes      bigint NOT NULL,
    data            bytea NOT NULL
) PARTITION BY LIST (environment);
CREATE INDEX ON attachments USING brin (received_at);
CREATE INDEX ON attachments (event_id);

-- The resource of a request repeats on every row; it stands here once, under a hash of its bytes.
CREATE TABLE resources (
    environment text NOT NULL,
    id          uuid NOT NULL,
    attributes  jsonb NOT NULL,
    PRIMARY KEY (environment, id)
);

CREATE TABLE dead_letters (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    environment  text NOT NULL,
    reason       text NOT NULL,
    detail       text NOT NULL,
    topic        text NOT NULL,
    part         integer NOT NULL,
    record_offset bigint NOT NULL,
    headers      jsonb NOT NULL,
    value        bytea,
    created_at   timestamptz NOT NULL DEFAULT now(),
    UNIQUE (topic, part, record_offset)
);
CREATE INDEX ON dead_letters (environment, created_at);

-- What a worker stored, by the minute of receipt. Keyed by partition too, or the workers of one environment would wait
-- for each other's row locks.
CREATE TABLE events_by_minute (
    environment text NOT NULL,
    part        integer NOT NULL,
    minute      timestamptz NOT NULL,
    kind        text NOT NULL,
    events      bigint NOT NULL,
    PRIMARY KEY (environment, part, minute, kind)
) WITH (fillfactor = 50);

-- The leaves that exist: all partitioned tables share one range of receive time, and the suffix of their names.
CREATE TABLE leaves (
    environment text NOT NULL,
    starts_at   timestamptz NOT NULL,
    ends_at     timestamptz NOT NULL,
    suffix      text NOT NULL UNIQUE,
    PRIMARY KEY (environment, starts_at)
);

-- Answer the leaf that covers a moment, made if it is missing. A leaf is a copy that is attached, never PARTITION OF:
-- that would wait behind every open COPY into a sibling. Its environment is a default, so COPY need not send it.
CREATE FUNCTION leaf_covering(of_environment text, moment timestamptz)
RETURNS leaves LANGUAGE plpgsql AS $$
DECLARE
    leaf   leaves;
    width  interval;
    parent text;
    branch text;
    twig   text;
BEGIN
    SELECT * INTO leaf FROM leaves
    WHERE environment = of_environment AND starts_at <= moment AND moment < ends_at;
    IF FOUND THEN
        RETURN leaf;
    END IF;

    PERFORM pg_advisory_xact_lock(hashtextextended('leaf ' || of_environment, 0));
    SELECT * INTO leaf FROM leaves
    WHERE environment = of_environment AND starts_at <= moment AND moment < ends_at;
    IF FOUND THEN
        RETURN leaf;
    END IF;

    -- About eight leaves an environment, however long it keeps its events.
    SELECT make_interval(days => greatest(1, ceil(retention_days / 8.0)::integer)) INTO STRICT width
    FROM environments WHERE id = of_environment;
    leaf.environment := of_environment;
    leaf.starts_at := date_bin(width, moment, timestamptz '2020-01-01 00:00:00+00');
    leaf.ends_at := leaf.starts_at + width;
    -- A width that changed with the retention must not overlap what stands.
    SELECT greatest(leaf.starts_at, max(ends_at)) INTO leaf.starts_at
    FROM leaves WHERE environment = of_environment AND ends_at <= moment;
    SELECT least(leaf.ends_at, min(starts_at)) INTO leaf.ends_at
    FROM leaves WHERE environment = of_environment AND starts_at > moment;
    leaf.suffix := lower(of_environment) || '_' || to_char(leaf.starts_at AT TIME ZONE 'UTC', 'YYYYMMDD');

    FOREACH parent IN ARRAY ARRAY['spans', 'logs', 'metric_points', 'error_events', 'sentry_items', 'attachments'] LOOP
        branch := parent || '_' || lower(of_environment);
        twig := parent || '_' || leaf.suffix;
        IF to_regclass(branch) IS NULL THEN
            EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL) PARTITION BY RANGE (received_at)', branch, parent);
            EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES IN (%L)', parent, branch, of_environment);
        END IF;
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', twig, branch);
        EXECUTE format('ALTER TABLE %I ALTER COLUMN environment SET DEFAULT %L', twig, of_environment);
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                       branch, twig, leaf.starts_at, leaf.ends_at);
    END LOOP;
    INSERT INTO leaves SELECT leaf.*;
    RETURN leaf;
END $$;
