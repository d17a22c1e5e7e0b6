"""Each row of the truth table through HTTP, in each form: where a request ends up, or why it is refused."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec import Struct

from gateway.identity.tokens import mint
from gateway.runtime.clock import now_ns
from gateway.runtime.ids import new_ulid
from schemas.environment import Kind
from tests.acceptance.database import wait_until
from tests.acceptance.sending import send
from tests.acceptance.stack import App
from tests.integration.edge.forms import FORMS, Form
from tests.integration.edge.world import World

ENVIRONMENTS = ("staging", "expired", "reaped", "archived", "deleted", "paused")
# Whose topics an edge removes when it gets to it.
REMOVED = {"expired", "reaped", "deleted"}


class Shop(Struct):
    """An app with every kind of environment and key, and another app's."""

    app: App
    keys: dict[str, str | None]
    channels: dict[str, int | str]

    def topics(self) -> set[str]:
        """Answer the ids of the environments whose topics stay."""
        return {identity for slug, identity in self.app.environments.items() if slug not in REMOVED}


@pytest.fixture(scope="module")
def shop(world: World) -> Shop:
    """Make what the table speaks of; what the control plane has no call for yet is written into its tables."""
    app, other = world.control.app(), world.control.app()
    for slug in ENVIRONMENTS:
        app.environment(slug)
    second = world.control.post(f"/apps/{app.id}/channels", {"name": "Second"})["id"]
    revoked, expired = app.made_key(), app.made_key()
    restricted, foreign_network = app.made_key(), app.token(origins=["https://shop.example"])
    keys: dict[str, str | None] = {
        "none": None,
        "plain": app.key(),
        "override": app.key(allowEnvironmentOverride=True),
        "override of staging only": app.key(allowEnvironmentOverride=True, overrideEnvironments=["staging"]),
        "revoked": revoked["key"],
        "expired": expired["key"],
        "in no network": restricted["key"],
        "of an origin": foreign_network,
        "token": app.token("staging"),
        "token of paused": app.token("paused"),
        "management": world.control.management_key,
        "malformed": "ak_prod_malformed",
        "unknown": mint(Kind.API_KEY, "prod", new_ulid(now_ns()), bytes(32)),
        "of another app": other.key(),
    }
    for slug in ENVIRONMENTS:
        keys[f"of {slug}"] = app.key(slug)
        keys[f"token of {slug}"] = app.token(slug)
    world.control.post(f"/api-keys/{revoked['id']}/revoke", status=200)
    yesterday = datetime.fromtimestamp(now_ns() / 1e9, UTC) - timedelta(days=1)
    for statement, *arguments in (
        ("UPDATE credentials SET expires_at = $2 WHERE id = $1", expired["id"], yesterday),
        ("UPDATE credentials SET networks = '{10.9.8.0/24}' WHERE id = $1", restricted["id"]),
        (
            "UPDATE environments SET is_ephemeral = true, expires_at = $2, source_ref = 'shop#42' WHERE id = $1",
            app.environments["expired"],
            yesterday,
        ),
        (
            """UPDATE environments SET is_ephemeral = true, expires_at = $2, source_ref = 'shop#43',
                   deleted_at = now(), purged_at = now() WHERE id = $1""",
            app.environments["reaped"],
            yesterday,
        ),
        ("UPDATE environments SET ingest = 'archived' WHERE id = $1", app.environments["archived"]),
        # It would be over by now, but was deleted before.
        (
            "UPDATE environments SET deleted_at = $2, is_ephemeral = true, expires_at = now() WHERE id = $1",
            app.environments["deleted"],
            yesterday,
        ),
        ("UPDATE environments SET ingest = 'paused' WHERE id = $1", app.environments["paused"]),
    ):
        world.database.execute(statement, *arguments)
    # Changes are seen in their order, so with the last one all are.
    form = FORMS[0]
    wait_until(lambda: form.send(world.url, keys["of paused"], app.channel).status == 403, "the last change is seen", 5)
    return Shop(
        app=app,
        keys=keys,
        channels={
            "own": app.channel,
            "second": second,
            "of another app": other.channel,
            "unknown": 999_999_999,
            "huge": "9" * 30,
            "text": "shop",
        },
    )


class Refused(Struct, frozen=True):
    """A row of the table that refuses; `sentry_status` where SDKs expect another one than OTLP's exporters."""

    key: str
    status: int
    says: str
    override: str | None = None
    channel: str = "own"
    sentry_status: int | None = None


GONE = (
    ("expired", "(made for shop#42) expired"),
    ("reaped", "'reaped' (made for shop#43) expired"),
    ("archived", "is archived"),
    ("deleted", "was deleted"),
)
REFUSED = (
    Refused("none", 401, "No key was sent"),
    Refused("none", 401, "No key was sent", override="staging"),
    *(Refused(kind, 401, "not valid", sentry_status=403) for kind in ("unknown", "revoked", "expired")),
    Refused("malformed", 401, "check digits are wrong", sentry_status=403),
    Refused("revoked", 401, "not valid", override="staging", sentry_status=403),
    Refused("override", 400, "'nowhere' is no environment of this app", override="nowhere"),
    Refused("override", 400, "X-Axonpush-Environment", override="nowhere"),
    Refused("override", 400, "archived, development, expired, paused, production, staging", override="nowhere"),
    Refused("override of staging only", 403, "'development'", override="development"),
    *(Refused("override", 410, says, override=slug) for slug, says in GONE),
    *(Refused(f"of {slug}", 410, says) for slug, says in GONE),
    *(Refused(f"of {slug}", 410, says, override="staging") for slug, says in GONE),
    *(Refused(f"token of {slug}", 410, says) for slug, says in GONE),
    *(Refused(f"token of {slug}", 410, says, override="staging") for slug, says in GONE),
    Refused("of paused", 403, "'paused' is paused"),
    Refused("token of paused", 403, "'paused' is paused"),
    Refused("override", 403, "'paused' is paused", override="paused"),
    Refused("token", 403, "may not send to channel", channel="second"),
    Refused("plain", 403, "may not send to channel", channel="of another app"),
    Refused("of another app", 403, "may not send to channel", channel="own"),
    Refused("plain", 403, "may not send to channel", channel="unknown"),
    Refused("plain", 403, "may not send to channel", channel="huge"),
    Refused("plain", 400, "'shop' is not a number", channel="text"),
    Refused("management", 403, "management key"),
    Refused("in no network", 403, "from this network"),
)


@pytest.mark.clause("Sentry 17c", "Sentry 18b")
@pytest.mark.clause("OTLP 15a", "OTLP 15b")
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
@pytest.mark.parametrize("row", REFUSED, ids=lambda row: f"{row.key}-{row.override}-{row.channel}-{row.status}")
def test_what_the_table_refuses_is_refused_in_the_callers_form(
    world: World, shop: Shop, form: Form, row: Refused
) -> None:
    before = world.topics.records(shop.topics())
    key = shop.keys[row.key]
    more = {} if row.override is None else {"X-Axonpush-Environment": row.override}
    answer = form.send(world.url, key, shop.channels[row.channel], more=more)
    status = row.sentry_status if form.is_sentry and row.sentry_status else row.status
    form.check_error(answer, status, row.says)
    assert "x-axonpush-resolved-environment" not in answer.headers
    assert ("www-authenticate" in answer.headers) == (status == 401)
    assert key is None or key.encode() not in answer.body + repr(answer.headers).encode() + answer.reason.encode()
    assert world.topics.records(shop.topics()) == before


class Accepted(Struct, frozen=True):
    """A row of the table that accepts."""

    key: str
    environment: str
    via: str
    override: str | None = None
    is_ignored: bool = False
    channel: str = "own"


ACCEPTED = (
    Accepted("plain", "production", "key-default"),
    Accepted("plain", "production", "key-default", channel="second"),
    Accepted("plain", "production", "key-default", override=""),
    Accepted("plain", "production", "key-default", override="production"),
    Accepted("plain", "production", "key-default", override=" PRODUCTION "),
    Accepted("plain", "production", "key-default", override="staging", is_ignored=True),
    Accepted("plain", "production", "key-default", override="nowhere", is_ignored=True),
    Accepted("plain", "production", "key-default", override="deleted", is_ignored=True),
    Accepted("override", "production", "key-default"),
    Accepted("override", "production", "key-default", override="production"),
    Accepted("override", "staging", "header-override", override="staging"),
    Accepted("override", "staging", "header-override", override=" Staging "),
    Accepted("override of staging only", "staging", "header-override", override="staging"),
    Accepted("override of staging only", "production", "key-default"),
    Accepted("token", "staging", "public-token"),
    Accepted("token", "staging", "public-token", override="staging"),
    Accepted("token", "staging", "public-token", override="production", is_ignored=True),
    Accepted("token", "staging", "public-token", override="nowhere", is_ignored=True),
)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
@pytest.mark.parametrize("row", ACCEPTED, ids=lambda row: f"{row.key}-{row.override}-{row.channel}")
def test_what_the_table_accepts_goes_where_the_answer_says(world: World, shop: Shop, form: Form, row: Accepted) -> None:
    environment_id = shop.app.environments[row.environment]
    others = shop.topics() - {environment_id}
    before, others_before = world.topics.records([environment_id]), world.topics.records(others)
    more = {} if row.override is None else {"X-Axonpush-Environment": row.override}
    answer = form.send(world.url, shop.keys[row.key], shop.channels[row.channel], more=more)
    assert answer.status == 200, answer
    assert answer.headers["x-axonpush-resolved-environment"] == row.environment
    assert answer.headers["x-axonpush-resolved-via"] == row.via
    assert answer.headers.get("x-axonpush-override") == ("ignored" if row.is_ignored else None)
    assert world.topics.records([environment_id]) == before + 1
    assert world.topics.records(others) == others_before


@pytest.mark.clause("OTLP 21d")
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_token_for_an_origin_answers_no_other_page(world: World, shop: Shop, form: Form) -> None:
    key = shop.keys["of an origin"]
    allowed = form.send(world.url, key, shop.app.channel, more={"Origin": "https://shop.example"})
    assert allowed.status == 200
    assert allowed.headers["access-control-allow-origin"] in ("*", "https://shop.example")
    exposed = allowed.headers["access-control-expose-headers"]
    assert "x-axonpush-resolved-environment" in exposed
    refused = form.send(world.url, key, shop.app.channel, more={"Origin": "https://evil.example"})
    form.check_error(refused, 403, "from this origin")
    # A script can only read why if the answer allows it to.
    assert "access-control-allow-origin" in refused.headers


@pytest.mark.clause("Sentry 17d")
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_two_different_keys_are_refused(world: World, shop: Shop, form: Form) -> None:
    other = shop.keys["override"]
    name = "Authorization" if form.key_header != "Authorization" else "X-API-Key"
    answer = form.send(world.url, shop.keys["plain"], shop.app.channel, more={name: f"{other}"})
    form.check_error(answer, 401, "Two different keys")


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_an_override_that_stands_there_twice_is_refused(world: World, shop: Shop, form: Form) -> None:
    pairs = [
        *form.headers(shop.keys["override"], shop.app.channel).items(),
        ("X-Axonpush-Environment", "staging"),
        ("X-Axonpush-Environment", "production"),
    ]
    answer = send(world.url + form.path(shop.app.channel), headers=pairs, body=form.payload)
    form.check_error(answer, 400, "more than once")


def test_a_network_is_that_of_the_client_as_far_as_proxies_are_trusted(world: World, shop: Shop) -> None:
    key = shop.keys["in no network"]
    inside, outside = {"X-Forwarded-For": "10.9.8.7"}, {"X-Forwarded-For": "10.9.8.7, 10.1.1.1"}
    form = FORMS[0]
    form.check_error(form.send(world.url, key, shop.app.channel, more=inside), 403, "from this network")
    with world.edge(server_trusted_proxies="127.0.0.1/32") as (_, url):
        assert form.send(url, key, shop.app.channel, more=inside).status == 200
        form.check_error(form.send(url, key, shop.app.channel, more=outside), 403, "from this network")
