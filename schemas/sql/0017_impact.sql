-- What a destructive call would destroy: the pages of tables without a row, those of their indexes, are nobody's data.
CREATE OR REPLACE FUNCTION stored_before(of_environment text, moment timestamptz, OUT events bigint, OUT bytes bigint)
LANGUAGE sql STABLE AS $$
    SELECT found.events, CASE WHEN found.events = 0 THEN 0 ELSE (
        SELECT coalesce(sum(pg_total_relation_size(twig)), 0)::bigint
        FROM leaves AS l, unnest(telemetry_tables()) AS t, to_regclass(t || '_' || l.suffix) AS twig
        WHERE l.environment = of_environment AND l.ends_at <= moment AND pg_relation_size(twig) > 0
    ) END
    FROM (
        SELECT coalesce(sum(m.events), 0)::bigint AS events FROM events_by_minute AS m
        WHERE m.environment = of_environment AND m.minute < moment
    ) AS found
$$;
