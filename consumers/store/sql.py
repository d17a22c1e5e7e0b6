"""Every statement that the worker sends to PostgreSQL, by name."""

# Take over the partitions that have a row, and answer where they are to be read on. A holder's open transaction is
# waited for; its commit or rollback is then seen.
CLAIM_KNOWN = """
UPDATE ingest_offset AS o SET epoch = o.epoch + 1, owner = $3, backend_pid = pg_backend_pid(), claimed_at = now()
FROM unnest($1::text[], $2::integer[]) AS w (topic, part)
WHERE o.topic = w.topic AND o.part = w.part
RETURNING o.topic, o.part, o.epoch, o.next_offset
"""

# The same for partitions that had none: $4 holds the offsets at which their logs begin.
CLAIM_NEW = """
INSERT INTO ingest_offset AS o (topic, part, next_offset, epoch, owner, backend_pid)
SELECT topic, part, next_offset, 1, $3, pg_backend_pid()
FROM unnest($1::text[], $2::integer[], $4::bigint[]) AS w (topic, part, next_offset)
ON CONFLICT (topic, part) DO UPDATE
SET epoch = o.epoch + 1, owner = excluded.owner, backend_pid = excluded.backend_pid, claimed_at = now()
RETURNING topic, part, epoch, next_offset
"""

# End the sessions that hold rows which are to be claimed: a client that stalls in the middle of a COPY keeps its locks
# through every timeout. The application name tells a holder from whoever has its process id by now.
END_HOLDERS = """
WITH free AS MATERIALIZED (
    SELECT o.topic, o.part
    FROM ingest_offset AS o JOIN unnest($1::text[], $2::integer[]) AS w (topic, part) USING (topic, part)
    FOR UPDATE OF o SKIP LOCKED
)
SELECT a.pid, pg_terminate_backend(a.pid)
FROM ingest_offset AS o
JOIN unnest($1::text[], $2::integer[]) AS w (topic, part) USING (topic, part)
JOIN pg_stat_activity AS a ON a.pid = o.backend_pid AND a.application_name = $3 || o.owner
WHERE NOT EXISTS (SELECT FROM free WHERE free.topic = o.topic AND free.part = o.part)
"""

# A session that was opened anew ends those of the same process that it follows: cut off, they may still hold locks.
END_FORMER_SESSIONS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND pid <> pg_backend_pid()
"""

# And it tells whom to end from now on.
ANNOUNCE_SESSION = "UPDATE ingest_offset SET backend_pid = pg_backend_pid() WHERE owner = $1"

# Move each partition on, if it is still ours and stands where the batch begins.
FENCE = """
UPDATE ingest_offset AS o SET next_offset = w.next_offset
FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[], $5::bigint[])
    AS w (topic, part, start, next_offset, epoch)
WHERE o.topic = w.topic AND o.part = w.part AND o.epoch = w.epoch AND o.next_offset = w.start
RETURNING o.topic, o.part
"""

OFFSETS = """
SELECT o.topic, o.part, o.epoch, o.next_offset
FROM ingest_offset AS o JOIN unnest($1::text[], $2::integer[]) AS w (topic, part) USING (topic, part)
"""

# A wipe waits for the transactions that hold the environment, and holds up later ones, which then see it: a row lock
# would not do, for those who share one let no writer through while they overlap. The ids are sorted: no deadlock.
HOLD_ENVIRONMENTS = """
SELECT pg_advisory_xact_lock_shared(hashtextextended('environment ' || id, 0)) FROM unnest($1::text[]) AS id
"""

# A statement of its own: it must not see less than what the lock waited for.
ENVIRONMENTS = "SELECT id, wiped_before_ns FROM environments WHERE id = ANY ($1::text[]) AND deleted_at IS NULL"

# Answer what was stored before.
MARK_RECORDS = """
WITH wanted AS (
    SELECT environment, encode(ingest_id, 'hex')::uuid AS ingest_id, part
    FROM unnest($1::text[], $2::bytea[], $3::integer[]) AS w (environment, ingest_id, part)
), marked AS (
    INSERT INTO ingest_seen (environment, ingest_id, part) SELECT * FROM wanted
    ON CONFLICT DO NOTHING RETURNING environment, ingest_id, part
)
SELECT environment, uuid_send(ingest_id) AS ingest_id, part FROM (TABLE wanted EXCEPT TABLE marked) AS repeats
"""

MARK_EVENTS = """
WITH wanted AS (
    SELECT environment, channel, item_type, encode(event_id, 'hex')::uuid AS event_id
    FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bytea[]) AS w (environment, channel, item_type, event_id)
), marked AS (
    INSERT INTO sentry_seen (environment, channel, item_type, event_id) SELECT * FROM wanted
    ON CONFLICT DO NOTHING RETURNING environment, channel, item_type, event_id
)
SELECT environment, channel, item_type, uuid_send(event_id) AS event_id
FROM (TABLE wanted EXCEPT TABLE marked) AS repeats
"""

# Keep those that are there and that the reaper might take for forgotten. The statement after it adds those that it took
# meanwhile. Sorted: no deadlock.
KEEP_RESOURCES = """
UPDATE resources AS r SET seen_on = (now() AT TIME ZONE 'UTC')::date
FROM (
    SELECT s.environment, s.id
    FROM unnest($1::text[], $2::bytea[]) AS w (environment, id)
    JOIN resources AS s ON s.environment = w.environment AND s.id = encode(w.id, 'hex')::uuid
    WHERE s.seen_on < (now() AT TIME ZONE 'UTC')::date
    ORDER BY s.environment, s.id FOR NO KEY UPDATE OF s
) AS old
WHERE r.environment = old.environment AND r.id = old.id
"""

ADD_RESOURCES = """
INSERT INTO resources (environment, id, attributes, schema_url, dropped_attributes_count, entity_refs)
SELECT environment, encode(id, 'hex')::uuid, attributes::jsonb, schema_url, dropped_attributes_count, entity_refs::jsonb
FROM unnest($1::text[], $2::bytea[], $3::text[], $4::text[], $5::bigint[], $6::text[])
    AS w (environment, id, attributes, schema_url, dropped_attributes_count, entity_refs)
ON CONFLICT DO NOTHING
"""

COUNT_EVENTS = """
INSERT INTO events_by_minute AS e (environment, part, minute, kind, events, mismatched)
SELECT environment, part, to_timestamp(minute * 60), kind, events, mismatched
FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[])
    AS w (environment, part, minute, kind, events, mismatched)
ON CONFLICT (environment, part, minute, kind) DO UPDATE
SET events = e.events + excluded.events, mismatched = e.mismatched + excluded.mismatched
"""

COUNT_OUTCOMES = """
INSERT INTO sentry_outcomes AS o (environment, part, minute, outcome, reason, category, quantity)
SELECT environment, part, to_timestamp(minute * 60), outcome, reason, category, quantity
FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::bigint[])
    AS w (environment, part, minute, outcome, reason, category, quantity)
ON CONFLICT (environment, part, minute, outcome, reason, category) DO UPDATE
SET quantity = o.quantity + excluded.quantity
"""

# A gap is recorded again each time the partition is claimed.
ADD_DEAD_LETTERS = """
INSERT INTO dead_letters (environment, reason, detail, topic, part, record_offset, headers, value)
SELECT environment, reason, detail, topic, part, record_offset, headers::jsonb, value
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::integer[], $6::bigint[], $7::text[], $8::bytea[])
    AS w (environment, reason, detail, topic, part, record_offset, headers, value)
ON CONFLICT (topic, part, record_offset) DO NOTHING
"""

LEAF = """
SELECT suffix, (extract(epoch FROM starts_at) * 1000000000)::bigint AS starts_ns,
    (extract(epoch FROM ends_at) * 1000000000)::bigint AS ends_ns,
    (SELECT slug FROM environments WHERE id = $1) AS slug
FROM leaf_covering($1, to_timestamp($2::bigint))
"""

ENSURE_SEEN_DAY = "SELECT ensure_ingest_seen(to_timestamp($1::bigint * 86400))"

DIRECTORY = """
SELECT id, wiped_before_ns FROM environments
WHERE deleted_at IS NULL AND (cardinality($1::text[]) = 0 OR slug = ANY ($1)) AND NOT slug = ANY ($2::text[])
"""

# What tells this installation from others on the same Kafka: when its database was made, in microseconds since 1970.
INSTALLATION = "SELECT (extract(epoch FROM min(applied_at)) * 1000000)::bigint FROM schema_migrations"

# One slot of a consumer group, held for as long as the session lives.
TAKE_SLOT = "SELECT pg_try_advisory_lock(hashtextextended('axonpush worker ' || $1, $2))"

# The same slot again, once the session before has let go.
RETAKE_SLOT = "SELECT pg_advisory_lock(hashtextextended('axonpush worker ' || $1, $2))"
