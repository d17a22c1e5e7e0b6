"""The truth table: which environment does a request belong to, and why? One pure function over values."""

import hmac
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Protocol

from msgspec import Struct

from gateway.identity.tokens import ParsedKey, Peppers, digest
from schemas.environment import App, Channel, Credential, Environment, Ingest, Kind, Resolution, Via
from schemas.errors import Forbidden, GatewayError, Gone, Malformed, Unauthenticated
from schemas.signals import Signal

_CHANNEL_MAX_DIGITS = 18
_SHOWN_MAX_CHARACTERS = 64
_SLUGS_SHOWN_MAX = 20


class View(Protocol):
    """What the directory knows, in memory."""

    def credential(self, credential_id: str) -> Credential | None:
        """Answer a credential, tombstones of gone environments included."""
        ...

    def app(self, app_id: str) -> App | None:
        """Answer an app."""
        ...

    def environment(self, environment_id: str) -> Environment | None:
        """Answer an environment, deleted ones included."""
        ...

    def environment_by_slug(self, app_id: str, slug: str) -> Environment | None:
        """Answer an app's environment by its slug, deleted ones included."""
        ...

    def slugs(self, app_id: str) -> Sequence[str]:
        """Answer the slugs of an app's environments, deleted ones left out."""
        ...

    def channel(self, channel_id: int) -> Channel | None:
        """Answer a channel."""
        ...


class Asked(Struct, frozen=True):
    """What a request says about where it belongs; None where it says nothing.

    `signal` is what it brings, `channel` the header's or the path's text, `client_address` the client's IP address.
    """

    key: ParsedKey
    signal: Signal
    override: str | None
    channel: str | None
    origin: str | None = None
    client_address: str | None = None


class Unknown(Exception):
    """Something is not in the directory's memory; `final` is the answer if a look-up does not find it either."""

    def __init__(self, final: GatewayError, credential_id: str | None = None) -> None:
        super().__init__(final.message)
        self.final = final
        self.credential_id = credential_id


def authenticate(view: View, key: ParsedKey, peppers: Peppers, now_ns: int) -> Credential:
    """Answer the live credential of a key.

    Raises:
        Unknown: no such credential in memory.
        Unauthenticated: the key is wrong, revoked or expired; one message for all, so that nothing is learnt from it.
    """
    credential = view.credential(key.id)
    if credential is None:
        raise Unknown(_not_valid(), key.id)
    pepper = peppers.by_version.get(credential.pepper_version)
    is_right = (
        pepper is not None
        and credential.kind is key.kind
        and hmac.compare_digest(digest(key.text, pepper), credential.digest)
    )
    if not is_right or credential.is_revoked or _is_past(credential.expires_at_ns, now_ns):
        raise _not_valid()
    return credential


def _not_valid() -> Unauthenticated:
    return Unauthenticated("This key is not valid: unknown, revoked or expired.", reason="bad_credential")


def resolve(view: View, asked: Asked, peppers: Peppers, now_ns: int) -> Resolution:
    """Answer where a request belongs.

    Raises:
        Unknown: the credential, the slug or the channel is not in memory.
        Unauthenticated: the key is not valid.
        Malformed: the override names no environment of the app, or the channel is no number.
        Forbidden: the credential may not do this here.
        Gone: the environment expired, is archived or was deleted.
    """
    credential = authenticate(view, asked.key, peppers, now_ns)
    if credential.app_id is None or credential.environment_id is None:
        raise Forbidden("A management key (mk_) cannot send events. Use an API key (ak_) or a public token (pt_).")
    _check_caller(credential, asked)
    own = view.environment(credential.environment_id)
    if own is None:
        raise Unknown(Unauthenticated("This key's environment is not known.", reason="bad_credential"), credential.id)
    environment, via, is_ignored = _choose(view, credential, own, asked.override)
    channel_id = _channel(view, credential, asked.channel)
    _check_live(environment, now_ns)
    return Resolution(
        environment_id=environment.id,
        environment_slug=environment.slug,
        via=via,
        is_override_ignored=is_ignored,
        channel_id=channel_id,
        credential_id=credential.id,
    )


def _choose(
    view: View, credential: Credential, own: Environment, override: str | None
) -> tuple[Environment, Via, bool]:
    """Answer the environment, why it is that one, and whether an override was passed over."""
    slug = override.strip().lower() if override else ""
    if credential.kind is Kind.PUBLIC_TOKEN:
        return own, Via.PUBLIC_TOKEN, slug not in ("", own.slug)
    if slug in ("", own.slug):
        return own, Via.KEY_DEFAULT, False
    if not credential.allow_environment_override:
        return own, Via.KEY_DEFAULT, True
    other = view.environment_by_slug(own.app_id, slug)
    if other is None:
        shown = slug[:_SHOWN_MAX_CHARACTERS]
        slugs = ", ".join(sorted(view.slugs(own.app_id))[:_SLUGS_SHOWN_MAX])
        message = f"X-Axonpush-Environment: {shown!r} is no environment of this app. It has: {slugs}."
        raise Unknown(Malformed(message, reason="unknown_environment"))
    if credential.override_environments is not None and other.slug not in credential.override_environments:
        raise Forbidden(f"This key may not override its environment to {other.slug!r}.", reason="override_not_listed")
    return other, Via.HEADER_OVERRIDE, False


def _channel(view: View, credential: Credential, text: str | None) -> int:
    """Answer the channel that a request names, or else the token's own or the app's default."""
    if not text:
        if credential.channel_id is not None:
            return credential.channel_id
        app = view.app(credential.app_id or "")
        if app is None or app.default_channel_id is None:
            raise Unknown(Forbidden("This key's app has no channel.", reason="unknown_channel"))
        return app.default_channel_id
    if not (text.isascii() and text.isdigit()):
        raise Malformed(f"The channel {text[:_SHOWN_MAX_CHARACTERS]!r} is not a number.", reason="bad_channel")
    if len(text.lstrip("0")) > _CHANNEL_MAX_DIGITS:
        raise _wrong_channel(text)
    channel = view.channel(int(text))
    if channel is None:
        raise Unknown(_wrong_channel(text))
    is_own = credential.channel_id in (None, channel.id)
    if channel.app_id != credential.app_id or channel.is_deleted or not is_own:
        raise _wrong_channel(text)
    return channel.id


def _wrong_channel(text: str) -> Forbidden:
    return Forbidden(f"This key may not send to channel {text[:_SHOWN_MAX_CHARACTERS]}.", reason="wrong_channel")


def _check_live(environment: Environment, now_ns: int) -> None:
    is_expired = _is_past(environment.expires_at_ns, now_ns)
    if environment.is_deleted or is_expired or environment.ingest is Ingest.ARCHIVED:
        # What expired goes on saying so once it is removed; what was deleted before its end has no end any more.
        how = "expired" if is_expired else "was deleted" if environment.is_deleted else "is archived"
        ref = f" (made for {environment.source_ref})" if environment.source_ref else ""
        raise Gone(f"The environment {environment.slug!r}{ref} {how}.", reason="environment_gone")
    if environment.ingest is Ingest.PAUSED:
        raise Forbidden(f"The environment {environment.slug!r} is paused.", reason="environment_paused")


def _check_caller(credential: Credential, asked: Asked) -> None:
    """Refuse what lies outside the credential's scopes, origins and networks; without an origin it is no browser."""
    if asked.signal not in credential.scopes:
        raise Forbidden(f"This key may not send {asked.signal}.", reason="wrong_scope")
    if credential.origins and asked.origin is not None and asked.origin.lower() not in credential.origins:
        raise Forbidden("This key may not be used from this origin.", reason="wrong_origin")
    if credential.networks and not _is_within(credential.networks, asked.client_address):
        raise Forbidden("This key may not be used from this network.", reason="wrong_network")


def _is_within(networks: Sequence[str], client_address: str | None) -> bool:
    try:
        address = ip_address(client_address or "")
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        # A socket that listens on both families writes IPv4 addresses so.
        address = address.ipv4_mapped
    return any(address in _network(network) for network in networks)


@lru_cache(maxsize=1024)
def _network(text: str) -> IPv4Network | IPv6Network:
    return ip_network(text)


def _is_past(moment_ns: int | None, now_ns: int) -> bool:
    return moment_ns is not None and moment_ns <= now_ns
