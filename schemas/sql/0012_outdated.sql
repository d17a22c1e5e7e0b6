-- How what is too old to be asked for goes: marks of what was stored once, and resources to which no event refers.

-- The last day, UTC, on which something was stored that refers to it; workers move it on once a day.
ALTER TABLE resources ADD COLUMN seen_on date NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')::date;

-- When something was last done that is not done with every sweep of the reaper.
CREATE TABLE upkeep (
    name    text PRIMARY KEY,
    done_at timestamptz NOT NULL
);

-- The statements that remove the days of `ingest_seen` which lie wholly before a moment, to be run as those of
-- `removal_of`. A day is found by its name: one that an earlier try detached is no partition any more.
CREATE FUNCTION removal_of_seen(before timestamptz) RETURNS SETOF text LANGUAGE sql STABLE AS $$
    WITH doomed AS (
        SELECT oid::regclass AS child FROM pg_class
        WHERE relnamespace = to_regnamespace(quote_ident(current_schema())) AND relkind = 'r'
          AND relname ~ '^ingest_seen_\d{8}$' AND right(relname, 8) < to_char(before AT TIME ZONE 'UTC', 'YYYYMMDD')
    ), statements AS (
        SELECT 1 AS step, format('ALTER TABLE ingest_seen DETACH PARTITION %s FINALIZE', inhrelid::regclass)
            AS statement
        FROM pg_inherits WHERE inhparent = 'ingest_seen'::regclass AND inhdetachpending
        UNION ALL
        SELECT 2, format('ALTER TABLE ingest_seen DETACH PARTITION %s CONCURRENTLY', child)
        FROM doomed JOIN pg_inherits AS i ON i.inhrelid = child WHERE NOT i.inhdetachpending
        UNION ALL
        SELECT 3, format('DROP TABLE %s', child) FROM doomed
    )
    SELECT statement FROM statements ORDER BY step, statement
$$;
