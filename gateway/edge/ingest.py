"""What OTLP and Sentry requests share: resolve, read, inflate, publish; the rest is in the handlers."""

import asyncio
from collections.abc import Callable, Iterable

from gateway.edge.accounting.account import Account
from gateway.edge.accounting.category_limits import Passed
from gateway.edge.admission import Admission, Hold
from gateway.edge.exchange import Exchange
from gateway.edge.proxies import Proxies
from gateway.edge.reading import Pace, Reading
from gateway.identity.credentials import single
from gateway.identity.directory import Directory
from gateway.identity.resolution import Asked
from gateway.identity.tokens import parse
from gateway.protocols.body import Codec, inflate
from gateway.protocols.parts import Part, Sizes, record_of_part
from gateway.protocols.sentry.envelope import Item
from gateway.protocols.sentry.item_limits import ItemLimits
from gateway.runtime import metrics
from gateway.runtime.clock import Clock
from gateway.runtime.ids import new_ingest_id
from gateway.runtime.settings import Limits, Settings
from gateway.stream.abstract import Publisher
from schemas.environment import Resolution
from schemas.errors import Forbidden, GatewayError, Gone, Malformed, Unauthenticated
from schemas.outcomes import Outcome
from schemas.record import Record
from schemas.signals import Encoding, Format, Signal

# Parts of one request on their way to Kafka: each takes memory twice.
_PARTS_AT_ONCE = 4


class Ingest:
    """The steps of one request, in the order in which a handler takes them."""

    def __init__(
        self, settings: Settings, directory: Directory, publisher: Publisher, account: Account, clock: Clock
    ) -> None:
        self.limits: Limits = settings.limits
        self.sizes = Sizes(
            record_max_bytes=settings.kafka.record_max_bytes,
            item_max_bytes=settings.kafka.item_max_bytes,
            value_max_bytes=settings.kafka.value_max_bytes,
        )
        self.item_limits = ItemLimits(settings.limits)
        self.admission = Admission(settings.limits)
        self._pace = Pace(settings.server.body_timeout_seconds, settings.server.body_min_bytes_per_second)
        self._proxies = Proxies(settings.server.trusted_proxies)
        self._directory = directory
        self._publisher = publisher
        self._account = account
        self._clock = clock
        # Looking up a labelled counter costs more than counting.
        self._counters: dict[tuple[str, Signal, Outcome], Callable[[float], None]] = {}

    async def resolve(self, exchange: Exchange, key: str, channel: str | None, signal: Signal) -> Resolution:
        """Find out where the request belongs, from here on its answer says so; and whether it is within its limits.

        Raises:
            Unauthenticated: the key is malformed, or its check digits are wrong.
            RateLimited: the key or the environment is over a rate or a quota.
            Rejected, Deferred: see `Directory.resolve`.
        """
        parsed = parse(key)
        if parsed is None:
            raise Unauthenticated("This key is malformed: its check digits are wrong.", reason="bad_credential")
        headers = exchange.request.headers
        asked = Asked(
            key=parsed,
            signal=signal,
            override=single(headers, "X-Axonpush-Environment"),
            channel=channel,
            origin=single(headers, "Origin"),
            client_address=self._proxies.client_address(exchange.request.remote, headers),
        )
        try:
            resolution = exchange.resolution = await self._directory.resolve(asked)
        except (Forbidden, Gone, Malformed):
            # The key is good, or its refusal would be another.
            exchange.refused_caller = self._directory.caller(parsed.id)
            raise
        except Unauthenticated:
            exchange.former_caller = self._directory.former_caller(parsed)
            raise
        announced_bytes = exchange.request.content_length or 0
        size_bytes = announced_bytes if exchange.body_bytes is None else exchange.body_bytes
        self._account.limits.admit(resolution.environment_id, resolution.credential_id, size_bytes=size_bytes)
        exchange.admitted_bytes = size_bytes
        return resolution

    def reading(self, exchange: Exchange, hold: Hold) -> Reading:
        """Begin to read a body, which may be as large as its route lets it be."""
        is_large = exchange.found.route.is_large
        max_bytes = self.limits.large_body_max_bytes if is_large else self.limits.body_max_bytes
        return Reading(exchange.request, hold, max_bytes=max_bytes, pace=self._pace)

    async def read(self, exchange: Exchange, hold: Hold) -> bytes:
        """Answer the body as it was sent; see `Reading.all` and `admit_body` for the errors."""
        body = await self.reading(exchange, hold).all()
        self.admit_body(exchange, body)
        return body

    def admit_body(self, exchange: Exchange, body: bytes) -> None:
        """Take the bytes of a body whose size was not announced, as `resolve` took those of any other.

        Raises:
            RateLimited: they are over a rate of the key or the environment.
        """
        exchange.body_bytes = len(body)
        if exchange.request.content_length is None and (resolution := exchange.resolution) is not None:
            self._account.limits.admit(
                resolution.environment_id, resolution.credential_id, requests=0, size_bytes=len(body)
            )
            exchange.admitted_bytes = len(body)

    def inflate(self, body: bytes, codec: Codec, hold: Hold, *, max_bytes: int) -> bytes:
        """Answer the body decompressed; see `gateway.protocols.body.inflate` for the errors."""
        if codec is Codec.IDENTITY:
            return body
        data = inflate(body, codec, max_bytes)
        hold.grow(len(data))
        return data

    def pass_items(self, exchange: Exchange, resolution: Resolution, items: list[Item], sdk: object) -> Passed:
        """Answer which of an envelope's items are taken, and count those that are not; `sdk` is what it says of that.

        Raises:
            CategoriesLimited: some are over the rate of their category, and none is left.
        """
        passed = self._account.limits.categories.admit(resolution.environment_id, items, sdk)
        if passed.dropped and not exchange.is_dry_run:
            for (category, reason), count in passed.dropped.items():
                metrics.DROPPED_ITEMS.labels(resolution.environment_id, category, reason).inc(count)
            self._count(resolution, Signal.SENTRY, Outcome.DROPPED, sum(passed.dropped.values()))
        return passed

    async def publish(
        self,
        exchange: Exchange,
        resolution: Resolution,
        signal: Signal,
        payload_format: Format,
        *,
        body: bytes,
        data: bytes,
        codec: Codec,
    ) -> bytes:
        """Publish an accepted payload and answer its ingest id once all replicas have it; of a dry run check the size.

        `body` is what was sent and `data` what it holds: a gzip body stays gzip (the edge saves the compression, Kafka
        the disk); everything else travels decompressed.

        Raises:
            StreamUnavailable, Overloaded, PayloadTooLarge: see `Publisher.publish`.
        """
        record = self._record(resolution, signal, payload_format, body=body, data=data, codec=codec)
        if exchange.is_dry_run:
            self._publisher.check_size(record)
        else:
            await self._publisher.publish(resolution.environment_id, record)
        return record.ingest_id

    def is_larger_than_a_record(self, body: bytes, data: bytes, codec: Codec) -> bool:
        """Tell whether a payload must be split; for the arguments see `publish`."""
        size_bytes = len(body) if codec is Codec.GZIP else len(data)
        return size_bytes > self.sizes.record_max_bytes or len(data) > self.sizes.item_max_bytes

    async def publish_parts(
        self, exchange: Exchange, resolution: Resolution, signal: Signal, payload_format: Format, parts: Iterable[Part]
    ) -> bytes:
        """Do as `publish` with a payload that is split: its parts have one ingest id.

        A few are on their way at a time, and each is made only then. The first failure is that of the whole request:
        whatever has arrived of it by then stays, and stands for itself.

        Raises:
            StreamUnavailable, Overloaded, PayloadTooLarge: see `Publisher.publish`.
        """
        whole = self._record(resolution, signal, payload_format, body=b"", data=b"", codec=Codec.IDENTITY)
        sending: set[asyncio.Task[None]] = set()
        try:
            for number, part in enumerate(parts):
                record = record_of_part(whole, number, part)
                if exchange.is_dry_run:
                    self._publisher.check_size(record)
                    continue
                if len(sending) == _PARTS_AT_ONCE:
                    done, sending = await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
                    await asyncio.gather(*done)
                sending.add(asyncio.create_task(self._publisher.publish(resolution.environment_id, record)))
            await asyncio.gather(*sending)
        finally:
            for task in sending:
                task.cancel()  # what is on its way cannot be called back, and is not waited for
            await asyncio.gather(*sending, return_exceptions=True)
        return whole.ingest_id

    def _record(
        self, resolution: Resolution, signal: Signal, payload_format: Format, *, body: bytes, data: bytes, codec: Codec
    ) -> Record:
        """Make the record of a request that is received now."""
        received_ns = self._clock()
        is_gzip = codec is Codec.GZIP
        return Record(
            signal=signal,
            format=payload_format,
            encoding=Encoding.GZIP if is_gzip else Encoding.IDENTITY,
            inflated_bytes=len(data),
            channel_id=resolution.channel_id,
            credential_id=resolution.credential_id,
            ingest_id=new_ingest_id(received_ns),
            part=0,
            received_ns=received_ns,
            value=body if is_gzip else data,
        )

    def accept(self, exchange: Exchange, resolution: Resolution, signal: Signal, items: int, rejected: int = 0) -> None:
        """Count a request that was taken, and how its items ended."""
        if exchange.is_dry_run:
            self._give_back(exchange)
            return
        self._account.usage.accept(
            resolution.environment_id,
            resolution.credential_id,
            self._clock(),
            items=items,
            size_bytes=exchange.body_bytes or 0,
        )
        self._count(resolution, signal, Outcome.ACCEPTED, items)
        self._count(resolution, signal, Outcome.REJECTED, rejected)

    def refuse(self, exchange: Exchange, error: GatewayError, status: int) -> None:
        """Count a request that was not taken, if its key is good, and keep why; of a key that was good once too."""
        self._give_back(exchange)
        if exchange.is_dry_run:
            return
        resolution = exchange.resolution
        caller = (resolution.environment_id, resolution.credential_id) if resolution else exchange.refused_caller
        if caller is not None:
            self._account.usage.refuse(*caller, self._clock(), error.reason)
        if known := caller or exchange.former_caller:
            self._account.rejections.note(
                known,
                self._clock(),
                route=exchange.found.route.name,
                status=status,
                reason=error.reason,
                message=error.message,
            )

    def _give_back(self, exchange: Exchange) -> None:
        """Let a request that was admitted, and then not taken, count for no quota."""
        resolution = exchange.resolution
        if resolution is not None and exchange.admitted_bytes is not None:
            self._account.limits.give_back(
                resolution.environment_id, resolution.credential_id, size_bytes=exchange.admitted_bytes
            )

    def _count(self, resolution: Resolution, signal: Signal, outcome: Outcome, items: int) -> None:
        if not items:
            return
        key = (resolution.environment_id, signal, outcome)
        increment = self._counters.get(key)
        if increment is None:
            increment = self._counters[key] = metrics.ITEMS.labels(*key).inc
        increment(items)
