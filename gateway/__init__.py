"""The gateway: from a client's bytes to a record on its environment's topic.

The way of one request, each step in the module that is named:

1. `gateway.edge.app`            a connection is accepted; `gateway.edge.routes` finds the handler, limits apply
2. `gateway.identity.credentials`  where a key can stand in a request
3. `gateway.identity.directory`    what the directory knows about it, from memory
4. `gateway.identity.resolution`   the truth table: which environment, and why
5. `gateway.protocols.body`        the body, inflated within its limit
6. `gateway.protocols.otlp.checking`, `gateway.protocols.sentry.envelope`  the payload, validated and otherwise left as
   it came (`gateway.protocols.sentry` makes an envelope of what comes to another of Sentry's endpoints)
   `gateway.protocols.otlp.splitting`, `gateway.protocols.sentry.split`  in parts, where it is larger than a record
7. `gateway.stream.kafka`          published to the environment's topic, acknowledged by all replicas
8. `gateway.protocols.replies`     the answer in the protocol's own form

From there `consumers.worker` takes the record to PostgreSQL. `gateway.control` is the REST interface to what step 3
knows, `gateway.cli` the command line, `gateway.local` Kafka and PostgreSQL for one machine, and `gateway.assembly` the
one place where all of these are wired together.
"""
