-- How stored events go: by TRUNCATE and DROP of leaves, never by DELETE of their rows.

CREATE FUNCTION telemetry_tables() RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT ARRAY['spans', 'logs', 'metric_points', 'error_events', 'sentry_items', 'attachments']
$$;

-- As before, but not for an environment that was deleted: what it held is being removed.
CREATE OR REPLACE FUNCTION leaf_covering(of_environment text, moment timestamptz)
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

    -- About eight leaves an environment, however long it keeps its events. The lock holds a deletion off meanwhile.
    SELECT make_interval(days => greatest(1, ceil(retention_days / 8.0)::integer)) INTO STRICT width
    FROM environments WHERE id = of_environment AND deleted_at IS NULL FOR SHARE;
    leaf.environment := of_environment;
    leaf.starts_at := date_bin(width, moment, timestamptz '2020-01-01 00:00:00+00');
    leaf.ends_at := leaf.starts_at + width;
    -- A width that changed with the retention must not overlap what stands.
    SELECT greatest(leaf.starts_at, max(ends_at)) INTO leaf.starts_at
    FROM leaves WHERE environment = of_environment AND ends_at <= moment;
    SELECT least(leaf.ends_at, min(starts_at)) INTO leaf.ends_at
    FROM leaves WHERE environment = of_environment AND starts_at > moment;
    leaf.suffix := lower(of_environment) || '_' || to_char(leaf.starts_at AT TIME ZONE 'UTC', 'YYYYMMDD');

    FOREACH parent IN ARRAY telemetry_tables() LOOP
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

-- What an environment holds that was received before a moment: events by the counters, bytes of the leaves that lie
-- wholly before it.
CREATE FUNCTION stored_before(of_environment text, moment timestamptz, OUT events bigint, OUT bytes bigint)
LANGUAGE sql STABLE AS $$
    SELECT (SELECT coalesce(sum(m.events), 0)::bigint FROM events_by_minute AS m
            WHERE m.environment = of_environment AND m.minute < moment),
           (SELECT coalesce(sum(pg_total_relation_size(to_regclass(t || '_' || l.suffix))), 0)::bigint
            FROM leaves AS l, unnest(telemetry_tables()) AS t
            WHERE l.environment = of_environment AND l.ends_at <= moment)
$$;

-- Empty an environment. The caller has locked its row, so that no worker is in the middle of a batch for it.
CREATE FUNCTION wipe_environment(of_environment text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    twig text;
BEGIN
    FOR twig IN
        SELECT t || '_' || l.suffix FROM leaves AS l, unnest(telemetry_tables()) AS t
        WHERE l.environment = of_environment ORDER BY 1
    LOOP
        EXECUTE format('TRUNCATE %I', twig);
    END LOOP;
    PERFORM forget_environment(of_environment);
END $$;

-- Delete what is stored of an environment outside of the partitioned tables.
CREATE FUNCTION forget_environment(of_environment text) RETURNS void LANGUAGE sql AS $$
    DELETE FROM resources WHERE environment = of_environment;
    DELETE FROM dead_letters WHERE environment = of_environment;
    DELETE FROM events_by_minute WHERE environment = of_environment;
    DELETE FROM sentry_seen WHERE environment = of_environment;
$$;

-- The statements that remove the leaves of an environment which lie wholly before a moment, all of them where it is
-- null; to be run one by one, each in a transaction of its own, for DETACH … CONCURRENTLY stands in no other: it waits
-- for no reader or writer of a sibling, which a plain DROP does. What an earlier try left half detached comes first.
CREATE FUNCTION removal_of(of_environment text, before timestamptz) RETURNS SETOF text LANGUAGE sql STABLE AS $$
    WITH doomed AS (
        SELECT to_regclass(t || '_' || lower(of_environment)) AS child
        FROM unnest(telemetry_tables()) AS t WHERE before IS NULL
        UNION ALL
        SELECT to_regclass(t || '_' || l.suffix)
        FROM leaves AS l, unnest(telemetry_tables()) AS t
        WHERE l.environment = of_environment AND l.ends_at <= before
    ), statements AS (
        SELECT 1 AS step, format('ALTER TABLE %s DETACH PARTITION %s FINALIZE', inhparent::regclass, inhrelid::regclass)
            AS statement
        FROM pg_inherits WHERE inhdetachpending
        UNION ALL
        SELECT 2, format('ALTER TABLE %s DETACH PARTITION %s CONCURRENTLY', i.inhparent::regclass, child)
        FROM doomed JOIN pg_inherits AS i ON i.inhrelid = child WHERE NOT i.inhdetachpending
        UNION ALL
        SELECT 3, format('DROP TABLE %s', child) FROM doomed WHERE child IS NOT NULL
    )
    SELECT statement FROM statements ORDER BY step, statement
$$;
