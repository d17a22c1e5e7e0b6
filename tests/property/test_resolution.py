"""The truth table: every combination of credential, header, states and channel, against its rows written anew."""

import itertools
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.identity.memory import Changes, Memory
from gateway.identity.resolution import Asked, Unknown, resolve
from gateway.identity.tokens import ParsedKey, Peppers, digest, mint, parse
from schemas.environment import App, Channel, Credential, Environment, Ingest, Kind, Resolution
from schemas.errors import Forbidden, GatewayError, Gone, Malformed, Unauthenticated
from schemas.signals import Signal

NOW_NS = 1_800_000_000_000_000_000
PEPPERS = Peppers(current=1, by_version={1: b"p" * 32})
ORG, APP, OTHER_APP = "org", "app", "other-app"
OWN_CHANNEL, SECOND_CHANNEL, DELETED_CHANNEL, FOREIGN_CHANNEL, UNKNOWN_CHANNEL = 1, 2, 3, 4, 99


def environment(slug: str, state: str = "open", app_id: str = APP) -> Environment:
    return Environment(
        id=f"{app_id}-{slug}",
        app_id=app_id,
        slug=slug,
        ingest=Ingest(state) if state in {"paused", "archived"} else Ingest.OPEN,
        expires_at_ns=NOW_NS if state == "expired" else NOW_NS + 1 if state == "expiring" else None,
        is_deleted=state == "deleted",
    )


OTHERS = [environment(state, state) for state in ("open", "paused", "archived", "expired", "deleted", "expiring")]
FOREIGN = environment("foreign", app_id=OTHER_APP)
CHANNELS = (
    Channel(OWN_CHANNEL, APP),
    Channel(SECOND_CHANNEL, APP),
    Channel(DELETED_CHANNEL, APP, is_deleted=True),
    Channel(FOREIGN_CHANNEL, OTHER_APP),
)
LISTED = ("open", "expired")


class Case(NamedTuple):
    """One combination; each field is a word that the rows below understand."""

    credential: str
    own: str
    header: str | None
    channel: str | None
    caller: str = "anywhere"


CREDENTIALS = ("unknown", "wrong-secret", "revoked", "expired-key", "ak", "ak+override", "ak+listed", "pt", "mk")
# Where a request comes from and what it brings, as far as the credential asks: each word is a fit or a misfit of one
# list of the credential, whose other lists are empty.
CALLERS = (
    *("anywhere", "in-scope", "out-of-scope", "on-origin", "on-origin-in-capitals", "no-origin", "off-origin"),
    *("in-network", "in-network-mapped", "in-network-v6", "out-of-network", "no-address", "bad-address"),
)
ORIGINS = {
    "on-origin": "https://a.example",
    "on-origin-in-capitals": "HTTPS://A.example",
    "off-origin": "https://b.example",
}
ADDRESSES = {
    "in-network": "10.1.2.3",
    "in-network-mapped": "::ffff:10.1.2.3",
    "in-network-v6": "2001:db8::1",
    "out-of-network": "11.1.2.3",
    "bad-address": "10.1.2",
}
SCOPES = {"in-scope": (Signal.TRACES, Signal.LOGS), "out-of-scope": (Signal.TRACES, Signal.SENTRY)}
OWN_STATES = ("open", "paused", "archived", "expired", "deleted", "expiring")
HEADERS = (None, "", "  ", "own", " OWN ", "open", "Open", *OWN_STATES[1:], "foreign", "nowhere")
CHANNEL_TEXTS = (None, "1", "01", "2", "3", "4", "99", "9" * 30, "one", "1.0", "-1", "\u0661")


def key_of(credential: str, caller: str) -> tuple[ParsedKey, Credential | None]:
    kind = {"pt": Kind.PUBLIC_TOKEN, "mk": Kind.MANAGEMENT_KEY}.get(credential, Kind.API_KEY)
    identity = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
    parsed = parse(mint(kind, "test", identity, b"s" * 32))
    assert parsed is not None
    if credential == "unknown":
        return parsed, None
    stored = mint(kind, "test", identity, b"x" * 32) if credential == "wrong-secret" else parsed.text
    is_management = kind is Kind.MANAGEMENT_KEY
    return parsed, Credential(
        id=identity,
        kind=kind,
        org_id=ORG,
        digest=digest(stored, PEPPERS.by_version[1]),
        pepper_version=1,
        app_id=None if is_management else APP,
        environment_id=None if is_management else f"{APP}-own",
        channel_id=OWN_CHANNEL if kind is Kind.PUBLIC_TOKEN else None,
        allow_environment_override=credential in {"ak+override", "ak+listed"},
        override_environments=LISTED if credential == "ak+listed" else None,
        scopes=SCOPES.get(caller, tuple(Signal)),
        origins=("https://a.example", "http://localhost:3000") if "origin" in caller else (),
        networks=("192.0.2.0/24", "10.0.0.0/8", "2001:db8::/32") if "network" in caller or "address" in caller else (),
        expires_at_ns=NOW_NS if credential == "expired-key" else None,
        is_revoked=credential == "revoked",
    )


@cache
def view_of(credential_word: str, own: str, caller: str) -> tuple[ParsedKey, Memory]:
    """Answer the key that is sent, and what is in memory."""
    key, credential = key_of(credential_word, caller)
    memory = Memory(credentials_max_count=10, unknown_max_count=10)
    memory.apply(
        Changes(
            next_xid="1",
            apps=(App(APP, f"{APP}-own", OWN_CHANNEL), App(OTHER_APP, FOREIGN.id, FOREIGN_CHANNEL)),
            environments=(environment("own", own), *OTHERS, FOREIGN),
            channels=CHANNELS,
            credentials=(credential,) if credential else (),
        )
    )
    return key, memory


def outcome(case: Case) -> Resolution | type[GatewayError]:
    """Run the function under test."""
    key, memory = view_of(case.credential, case.own, case.caller)
    asked = Asked(
        key=key,
        signal=Signal.LOGS,
        override=case.header,
        channel=case.channel,
        origin=ORIGINS.get(case.caller),
        client_address=ADDRESSES.get(case.caller),
    )
    try:
        return resolve(memory, asked, PEPPERS, NOW_NS)
    except Unknown as unknown:
        return type(unknown.final)
    except GatewayError as error:
        return type(error)


# The table, a row a line: who it is about, and the error. The first row that fits decides; whoever fits none resolves.
Row = tuple[Callable[[Case], bool], type[GatewayError]]


def named(case: Case) -> str:
    return (case.header or "").strip().lower()


def may_override(case: Case) -> bool:
    return case.credential in {"ak+override", "ak+listed"}


def target(case: Case) -> str:
    """Answer the slug that the table sends the case to."""
    return named(case) if may_override(case) and named(case) not in {"", "own"} else "own"


def state_of(case: Case) -> str:
    return case.own if target(case) == "own" else target(case)


ROWS: Sequence[Row] = (
    (lambda c: c.credential in {"unknown", "wrong-secret", "revoked", "expired-key"}, Unauthenticated),
    (lambda c: c.credential == "mk", Forbidden),
    (lambda c: c.caller == "out-of-scope", Forbidden),
    (lambda c: c.caller == "off-origin", Forbidden),
    (lambda c: c.caller in {"out-of-network", "no-address", "bad-address"}, Forbidden),
    (lambda c: target(c) in {"foreign", "nowhere"}, Malformed),
    (lambda c: c.credential == "ak+listed" and target(c) not in {"own", *LISTED}, Forbidden),
    (lambda c: c.channel in {"one", "1.0", "-1", "\u0661"}, Malformed),
    (lambda c: c.channel in {"3", "4", "99", "9" * 30}, Forbidden),
    (lambda c: c.credential == "pt" and c.channel == "2", Forbidden),
    (lambda c: state_of(c) in {"archived", "expired", "deleted"}, Gone),
    (lambda c: state_of(c) == "paused", Forbidden),
)


def expected(case: Case) -> Resolution | type[GatewayError]:
    """Read the table."""
    for fits, error in ROWS:
        if fits(case):
            return error
    slug = target(case)
    via = "public-token" if case.credential == "pt" else "key-default" if slug == "own" else "header-override"
    return msgspec.convert(
        {
            "environment_id": f"{APP}-{slug}",
            "environment_slug": slug,
            "via": via,
            "is_override_ignored": slug == "own" and named(case) not in {"", "own"},
            "channel_id": int(case.channel or OWN_CHANNEL),
            "credential_id": "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        },
        Resolution,
    )


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_every_combination_resolves_as_the_table_says(credential: str) -> None:
    for fields in itertools.product(OWN_STATES, HEADERS, CHANNEL_TEXTS, CALLERS):
        case = Case(credential, *fields)
        assert outcome(case) == expected(case), case


def test_the_combinations_reach_every_row_and_every_way_to_resolve() -> None:
    cases = [Case(*fields) for fields in itertools.product(CREDENTIALS, OWN_STATES, HEADERS, CHANNEL_TEXTS)]
    cases += [Case("ak", "open", None, None, caller) for caller in CALLERS]
    reached = {next((i for i, (fits, _) in enumerate(ROWS) if fits(case)), None) for case in cases}
    assert reached == {None, *range(len(ROWS))}
    resolved = [outcome(case) for case in cases]
    vias = {(r.via, r.is_override_ignored) for r in resolved if isinstance(r, Resolution)}
    assert vias == {
        ("key-default", False),
        ("key-default", True),
        ("header-override", False),
        ("public-token", False),
        ("public-token", True),
    }


@given(header=st.text(max_size=80), channel=st.none() | st.text(max_size=40), credential=st.sampled_from(CREDENTIALS))
def test_no_text_escapes_the_app_or_raises_anything_else(header: str, channel: str | None, credential: str) -> None:
    result = outcome(Case(credential, "open", header, channel))
    if isinstance(result, Resolution):
        assert result.environment_id.startswith(f"{APP}-")
        assert result.channel_id in {OWN_CHANNEL, SECOND_CHANNEL}
        if credential in {"ak", "pt"}:
            assert result.environment_slug == "own"
    else:
        assert issubclass(result, GatewayError)
