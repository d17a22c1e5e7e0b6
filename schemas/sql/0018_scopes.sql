-- What OTLP says of resources, scopes and metrics beside their names; null where it says nothing, as nearly always.
-- In the order in which workers COPY into the tables, so that none waits for this while this waits for it.

ALTER TABLE resources
    ADD COLUMN schema_url               text,
    ADD COLUMN dropped_attributes_count bigint NOT NULL DEFAULT 0,
    ADD COLUMN entity_refs              jsonb;

ALTER TABLE logs
    ADD COLUMN scope_attributes               jsonb,
    ADD COLUMN scope_dropped_attributes_count bigint,
    ADD COLUMN scope_schema_url               text;

-- The attributes that a point lacks are those that the limits leave out: in OTLP it has no count of its own.
ALTER TABLE metric_points
    ADD COLUMN scope_attributes               jsonb,
    ADD COLUMN scope_dropped_attributes_count bigint,
    ADD COLUMN scope_schema_url               text,
    ADD COLUMN metadata                       jsonb,
    ADD COLUMN dropped_attributes_count       bigint;

ALTER TABLE spans
    ADD COLUMN scope_attributes               jsonb,
    ADD COLUMN scope_dropped_attributes_count bigint,
    ADD COLUMN scope_schema_url               text;
