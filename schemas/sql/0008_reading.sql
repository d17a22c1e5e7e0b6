-- What tenants read: as the role axonpush_reader, which sees the rows of the one organization that its transaction names
-- in `axonpush.org_id`, and has no rights on leaves. Writers own the tables, and no policy holds for an owner.

-- Roles belong to the whole server, so the role may be there already, or be made by the migration of another database.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'axonpush_reader') THEN
        BEGIN
            CREATE ROLE axonpush_reader NOLOGIN;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;
            WHEN insufficient_privilege THEN
                RAISE EXCEPTION 'This user may not make the role axonpush_reader.'
                    USING HINT = format('Have an administrator run: CREATE ROLE axonpush_reader NOLOGIN; '
                                        'GRANT axonpush_reader TO %I;', current_user);
        END;
    END IF;
    IF NOT pg_has_role(current_user, 'axonpush_reader', 'SET') THEN
        EXECUTE format('GRANT axonpush_reader TO %I WITH SET TRUE', current_user);
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO axonpush_reader', current_schema());
END $$;

-- The environments of the organization that the transaction names; none where it names none. The reader cannot read the
-- directory itself.
CREATE FUNCTION environments_of_reader() RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT id FROM environments WHERE org_id = current_setting('axonpush.org_id', true)
$$;
REVOKE EXECUTE ON FUNCTION environments_of_reader() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION environments_of_reader() TO axonpush_reader;

DO $$
DECLARE
    readable text;
BEGIN
    FOREACH readable IN ARRAY telemetry_tables() || ARRAY['resources', 'events_by_minute'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', readable);
        EXECUTE format('CREATE POLICY reading ON %I FOR SELECT TO axonpush_reader '
                       'USING (environment IN (SELECT environments_of_reader()))', readable);
        EXECUTE format('GRANT SELECT ON %I TO axonpush_reader', readable);
    END LOOP;
END $$;
