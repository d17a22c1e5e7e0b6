"""The settings: every one with its default, its unit and a sentence, in frozen structs that are passed by section."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

KIB = 1024
MIB = 1024 * KIB
ITEM_ROOM_BYTES = MIB
"""What may travel with an item beside itself: its resource and scope, or the headers of its envelope."""
# A record's headers, and Kafka's own framing.
_FRAMING_BYTES = 64 * KIB


def _says(sentence: str, *, ge: int | None = None, le: int | None = None) -> Meta:
    """Describe one setting, and its bounds where it is a number."""
    return Meta(description=sentence, ge=ge, le=le)


def _secret(sentence: str) -> Meta:
    """Describe a setting whose value is never printed."""
    return Meta(description=sentence, extra={"secret": True})


class Server(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the edge listens, and how long it waits for a client."""

    host: Annotated[str, _says("Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, _says("Port to listen on; 0 takes a free one.", ge=0, le=65535)] = 8080
    processes: Annotated[int, _says("Edge processes on the one listening socket.", ge=1, le=256)] = 1
    public_url: Annotated[str, _says("URL that clients use, for DSNs; empty means http://host:port.")] = ""
    header_timeout_seconds: Annotated[int, _says("Time a client has to send a request's head.", ge=1)] = 10
    body_timeout_seconds: Annotated[
        int, _says("Time a client has to send a request's body, longer by what body_min_bytes_per_second adds.", ge=1)
    ] = 30
    body_min_bytes_per_second: Annotated[
        int, _says("A body has one second more for so many bytes that have arrived.", ge=1)
    ] = 256 * KIB
    keepalive_timeout_seconds: Annotated[int, _says("Idle connections are closed after this.", ge=1)] = 75
    connection_max_age_seconds: Annotated[
        int, _says("A connection ends with the first answer after this, give or take a tenth.", ge=1)
    ] = 300
    drain_delay_seconds: Annotated[
        int, _says("After SIGTERM readiness is off, but requests are still served for this long.", ge=0)
    ] = 5
    shutdown_timeout_seconds: Annotated[int, _says("Requests in flight may take this long to finish.", ge=1)] = 10
    trusted_proxies: Annotated[tuple[str, ...], _says("Networks (CIDR) of proxies whose X-Forwarded-For counts.")] = ()


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """How much one request may ask for."""

    line_max_bytes: Annotated[int, _says("Longest request line, and longest header line.", ge=1024)] = 16 * KIB
    headers_max_count: Annotated[int, _says("Most header lines of a request.", ge=8)] = 100
    body_max_bytes: Annotated[int, _says("Largest request body as sent.", ge=1)] = 20 * MIB
    large_body_max_bytes: Annotated[
        int, _says("Largest body as sent where crash dumps and attachments come: Sentry's envelopes and files.", ge=1)
    ] = 100 * MIB
    control_body_max_bytes: Annotated[
        int, _says("Largest body of a call to the control plane, as sent and once decompressed.", ge=1)
    ] = MIB
    otlp_inflated_max_bytes: Annotated[int, _says("Largest OTLP body once decompressed.", ge=1)] = 64 * MIB
    envelope_inflated_max_bytes: Annotated[int, _says("Largest envelope once decompressed.", ge=1)] = 100 * MIB
    event_max_bytes: Annotated[
        int, _says("Largest event-like item of an envelope; and most that is read of one over a rate or quota.", ge=1)
    ] = MIB
    attachment_max_bytes: Annotated[int, _says("Largest attachment of an envelope.", ge=1)] = 100 * MIB
    attachments_max_count: Annotated[int, _says("Most attachments of an envelope.", ge=1)] = 30
    sessions_max_count: Annotated[int, _says("Most sessions of an envelope.", ge=1)] = 100
    container_max_bytes: Annotated[int, _says("Largest item that holds logs, spans or metrics.", ge=1)] = 12 * MIB
    check_in_max_bytes: Annotated[int, _says("Largest check-in of a monitor.", ge=1)] = 100 * KIB
    client_report_max_bytes: Annotated[int, _says("Largest client report of an envelope.", ge=1)] = 100 * KIB
    profile_max_bytes: Annotated[int, _says("Largest profile of an envelope.", ge=1)] = 50 * MIB
    replay_recording_max_bytes: Annotated[int, _says("Largest part of a recorded replay, compressed.", ge=1)] = 10 * MIB
    nesting_max_depth: Annotated[int, _says("Deepest nesting of an OTLP value or of JSON.", ge=1, le=64)] = 16
    attribute_max_bytes: Annotated[int, _says("Longer attribute values are cut and marked.", ge=1)] = MIB
    attributes_max_count: Annotated[int, _says("Attributes of an item past this are dropped and marked.", ge=1)] = 1024
    in_flight_max_bytes: Annotated[
        int, _says("Bytes of requests in hand, decompressed, above which a process answers 503.", ge=1)
    ] = 512 * MIB
    in_flight_environment_percent: Annotated[
        int,
        _says(
            "An environment's requests hold at most this part of what others leave of in_flight_max_bytes.", ge=1, le=99
        ),
    ] = 50
    connections_max_count: Annotated[int, _says("Most open connections of a process.", ge=1)] = 10_000


class Database(Struct, frozen=True, forbid_unknown_fields=True):
    """PostgreSQL."""

    url: Annotated[str, _secret("postgresql://user:password@host:port/name; or ?host= a socket's folder.")] = ""
    pool_max_size: Annotated[int, _says("Most connections of one process.", ge=1)] = 8
    connect_timeout_seconds: Annotated[int, _says("Time a connection may take.", ge=1)] = 5
    query_timeout_seconds: Annotated[int, _says("Time a query of the control plane may take.", ge=1)] = 10
    tls_mode: Annotated[
        Literal["disable", "prefer", "require", "verify-ca", "verify-full"],
        _says("TLS, as libpq names its modes; prefer leaves an sslmode of the URL in force."),
    ] = "prefer"
    tls_ca_file: Annotated[str, _says("Certificate authority of the server; verify-ca and verify-full need it.")] = ""
    tls_cert_file: Annotated[str, _says("Client certificate.")] = ""
    tls_key_file: Annotated[str, _says("Key of the client certificate.")] = ""


class Kafka(Struct, frozen=True, forbid_unknown_fields=True):
    """Kafka, and the topics of the environments."""

    bootstrap: Annotated[str, _says("host:port of brokers, separated by commas.")] = ""
    security_protocol: Annotated[
        Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"], _says("Whether TLS, and whether SASL.")
    ] = "PLAINTEXT"
    sasl_mechanism: Annotated[Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"], _says("How SASL checks.")] = "PLAIN"
    sasl_username: Annotated[str, _says("User for SASL.")] = ""
    sasl_password: Annotated[str, _secret("Password for SASL.")] = ""
    tls_ca_file: Annotated[str, _says("Certificate authority of the brokers; empty takes the system's.")] = ""
    tls_cert_file: Annotated[str, _says("Client certificate.")] = ""
    tls_key_file: Annotated[str, _says("Key of the client certificate.")] = ""
    replication_factor: Annotated[int, _says("Copies of each partition; 3 in a cluster.", ge=1)] = 1
    min_insync_replicas: Annotated[int, _says("Copies that must acknowledge; 2 in a cluster.", ge=1)] = 1
    retention_hours: Annotated[int, _says("How long a topic keeps a record.", ge=1)] = 168
    record_max_bytes: Annotated[int, _says("Larger payloads are split into records of this.", ge=64 * KIB)] = MIB
    item_max_bytes: Annotated[
        int, _says("Largest single item, in a record of its own; and most that a record decompresses to.", ge=MIB)
    ] = 8 * MIB
    batch_max_bytes: Annotated[int, _says("A batch of records is sent when it has grown to this.", ge=KIB)] = MIB
    linger_ms: Annotated[int, _says("A batch waits this long for more records.", ge=0, le=1000)] = 4
    publish_timeout_seconds: Annotated[int, _says("Time until an unacknowledged publish is a 503.", ge=1)] = 5

    @property
    def value_max_bytes(self) -> int:
        """Most bytes of a record's value: of an item, and of the resource and scope, or headers, that come with it."""
        return max(self.record_max_bytes, self.item_max_bytes + ITEM_ROOM_BYTES)

    @property
    def message_max_bytes(self) -> int:
        """What a topic must take: a batch of records, which is one record alone where that is larger, with framing."""
        return max(self.value_max_bytes, self.batch_max_bytes) + _FRAMING_BYTES


class Directory(Struct, frozen=True, forbid_unknown_fields=True):
    """The edge's copy of apps, environments, channels and keys."""

    peppers: Annotated[
        str, _secret("version:hex pairs separated by commas; the highest mints, all verify. `openssl rand -hex 32`.")
    ] = ""
    credentials_max_count: Annotated[int, _says("Credentials kept in memory.", ge=1)] = 100_000
    unknown_max_count: Annotated[int, _says("Unknown credential ids remembered as unknown.", ge=1)] = 10_000
    poll_seconds: Annotated[int, _says("Without notifications the directory is read anew this often.", ge=1)] = 5
    snapshot_file: Annotated[
        str, _says("Copy of the directory (digests, no keys) with which the edge starts while PostgreSQL is down.")
    ] = ""


class Worker(Struct, frozen=True, forbid_unknown_fields=True):
    """The storage worker."""

    environments: Annotated[tuple[str, ...], _says("Serve only environments of these slugs; empty means all.")] = ()
    excluded_environments: Annotated[tuple[str, ...], _says("Serve all but environments of these slugs.")] = ()
    batch_max_bytes: Annotated[int, _says("A transaction takes about this many decompressed bytes.", ge=KIB)] = 16 * MIB
    batch_wait_ms: Annotated[int, _says("A batch that is not full waits this long.", ge=0, le=60_000)] = 100
    partition_queue_max_bytes: Annotated[
        int, _says("A partition with this much fetched and not stored is paused.", ge=KIB)
    ] = 32 * MIB
    session_timeout_ms: Annotated[int, _says("Kafka takes a silent worker's partitions after this.", ge=1000)] = 6000
    subscription_refresh_seconds: Annotated[int, _says("New environments are looked for this often.", ge=1)] = 1
    dead_letter_max_ratio_percent: Annotated[
        int, _says("The worker stops when more of its last records than this went to the dead letters.", ge=1, le=100)
    ] = 50
    metrics_host: Annotated[str, _says("Address of the worker's /metrics.")] = "127.0.0.1"
    metrics_port: Annotated[int, _says("Port of the worker's /metrics; 0 serves none.", ge=0, le=65535)] = 0
    slots_max_count: Annotated[int, _says("Most workers of one consumer group.", ge=1, le=10_000)] = 64


class Control(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the command line finds the control plane."""

    url: Annotated[str, _says("URL of a gateway, for commands such as `axonpush app list`.")] = ""
    management_key: Annotated[str, _secret("mk_ key for those commands.")] = ""


class Previews(Struct, frozen=True, forbid_unknown_fields=True):
    """Ephemeral environments, such as those of branches and pull requests."""

    max_count: Annotated[int, _says("Most ephemeral environments of an app; 0 sets no limit.", ge=0)] = 0
    lifetime_max_seconds: Annotated[
        int, _says("Longest life of an ephemeral environment, extensions included; 0 sets no limit.", ge=0)
    ] = 0
    extension_ttl_min_seconds: Annotated[
        int, _says("Shortest life that traffic can extend: it has to outlast the report of what was accepted.", ge=10)
    ] = 60
    extension_step_percent: Annotated[
        int, _says("Traffic extends a life once this part of it is gone, not with every request.", ge=1, le=50)
    ] = 10


class Approvals(Struct, frozen=True, forbid_unknown_fields=True):
    """Approvals of destructive calls that somebody's own roles do not allow."""

    pending_seconds: Annotated[
        int, _says("A request that nobody has decided on ends after this.", ge=1, le=365 * 86_400)
    ] = 86_400
    use_seconds: Annotated[int, _says("An approved call has to be made within this.", ge=1, le=365 * 86_400)] = 3600


class Reaper(Struct, frozen=True, forbid_unknown_fields=True):
    """Removal of what expired, was deleted, or is older than its environment keeps; one edge at a time does it."""

    interval_seconds: Annotated[int, _says("It looks for work this often.", ge=1, le=3600)] = 5
    settle_seconds: Annotated[
        int, _says("An environment that expired waits this long for what edges have in flight.", ge=0)
    ] = 10
    drain_timeout_seconds: Annotated[
        int, _says("The worker has this long to store what is left in the topic of one that expired.", ge=0)
    ] = 300
    repeats_margin_hours: Annotated[
        int, _says("A repeat of what was stored is known for kafka.retention_hours, and so much longer.", ge=1)
    ] = 48


class Log(Struct, frozen=True, forbid_unknown_fields=True):
    """What the processes say about themselves."""

    level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], _says("Messages below this are left out.")] = "INFO"
    format: Annotated[Literal["text", "json"], _says("Lines for people, or one JSON object a line.")] = "text"


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """All settings by section; AXONPUSH_<SECTION>_<NAME> in the environment, [section] name = in TOML."""

    server: Server = Server()
    limits: Limits = Limits()
    database: Database = Database()
    kafka: Kafka = Kafka()
    directory: Directory = Directory()
    worker: Worker = Worker()
    control: Control = Control()
    previews: Previews = Previews()
    approvals: Approvals = Approvals()
    reaper: Reaper = Reaper()
    log: Log = Log()
