"""What an edge keeps in memory: all apps, environments and channels, and a bounded number of credentials; pure."""

from collections import OrderedDict
from collections.abc import Sequence

from msgspec import Struct

from schemas.environment import App, Channel, Credential, Environment


class Changes(Struct, frozen=True):
    """Rows that changed, and the transaction id from which the next question has to ask.

    `snapshot` is PostgreSQL's name of the moment (`pg_snapshot`): every transaction that is visible in it is in the
    rows, or was in those of an earlier answer. It is empty in a copy, which is of no moment that can be vouched for.
    """

    next_xid: str
    snapshot: str = ""
    apps: tuple[App, ...] = ()
    environments: tuple[Environment, ...] = ()
    channels: tuple[Channel, ...] = ()
    credentials: tuple[Credential, ...] = ()


class Memory:
    """`View` for the resolution; credentials that were not used for the longest time make room for others."""

    def __init__(self, *, credentials_max_count: int, unknown_max_count: int) -> None:
        self._credentials_max_count = credentials_max_count
        self._unknown_max_count = unknown_max_count
        self._apps: dict[str, App] = {}
        self._environments: dict[str, Environment] = {}
        self._by_slug: dict[tuple[str, str], Environment] = {}
        self._channels: dict[int, Channel] = {}
        self._credentials: OrderedDict[str, Credential] = OrderedDict()
        self._unknown: OrderedDict[str, None] = OrderedDict()

    def credential(self, credential_id: str) -> Credential | None:
        """See `View.credential`."""
        credential = self._credentials.get(credential_id)
        if credential is not None:
            self._credentials.move_to_end(credential_id)
        return credential

    def app(self, app_id: str) -> App | None:
        """See `View.app`."""
        return self._apps.get(app_id)

    def environment(self, environment_id: str) -> Environment | None:
        """See `View.environment`."""
        return self._environments.get(environment_id)

    def environment_by_slug(self, app_id: str, slug: str) -> Environment | None:
        """See `View.environment_by_slug`."""
        return self._by_slug.get((app_id, slug))

    def slugs(self, app_id: str) -> Sequence[str]:
        """See `View.slugs`."""
        return [e.slug for e in self._environments.values() if e.app_id == app_id and not e.is_deleted]

    def channel(self, channel_id: int) -> Channel | None:
        """See `View.channel`."""
        return self._channels.get(channel_id)

    def live_environment_ids(self) -> frozenset[str]:
        """Answer the environments that are not deleted."""
        return frozenset(e.id for e in self._environments.values() if not e.is_deleted)

    def is_unknown(self, credential_id: str) -> bool:
        """Answer whether a look-up has lately found that there is no such credential."""
        return credential_id in self._unknown

    def remember_unknown(self, credential_id: str) -> None:
        """Keep in mind that there is no such credential; ids are random, so none can be taken beforehand."""
        self._unknown[credential_id] = None
        if len(self._unknown) > self._unknown_max_count:
            self._unknown.popitem(last=False)

    def apply(self, changes: Changes) -> None:
        """Take rows over; the same rows may come again."""
        for app in changes.apps:
            self._apps[app.id] = app
        for environment in changes.environments:
            self._environments[environment.id] = environment
            self._by_slug[environment.app_id, environment.slug] = environment
        for channel in changes.channels:
            self._channels[channel.id] = channel
        for credential in changes.credentials:
            self._credentials[credential.id] = credential
            self._unknown.pop(credential.id, None)
        while len(self._credentials) > self._credentials_max_count:
            self._credentials.popitem(last=False)

    def snapshot(self, next_xid: str) -> Changes:
        """Answer everything in memory, for `apply` of another process."""
        return Changes(
            next_xid=next_xid,
            apps=tuple(self._apps.values()),
            environments=tuple(self._environments.values()),
            channels=tuple(self._channels.values()),
            credentials=tuple(self._credentials.values()),
        )
