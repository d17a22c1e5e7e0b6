"""Every endpoint of Sentry's with every content encoding, with keys in every place or bad ones, and for pages."""

import base64
from collections.abc import Iterator

import pytest
from msgspec import Struct

from gateway.identity.tokens import mint
from gateway.runtime.clock import now_ns
from gateway.runtime.ids import new_ulid
from schemas.environment import Kind
from tests.acceptance.database import wait_until
from tests.acceptance.sending import Answer
from tests.acceptance.stack import App
from tests.integration.edge.codecs import CODECS
from tests.integration.edge.endpoints import ENDPOINTS, ENVELOPE_TYPE, EVENT_ID, Endpoint
from tests.integration.edge.forms import JSON, SENTRY, check_exposed, envelope
from tests.integration.edge.world import World, running

INFLATED_MAX_BYTES = 50_000
PAGE = "https://shop.example"

EACH = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)


class Shop(Struct):
    """An app, its second channel, its keys `key` and `other`, and those that are bad for the first channel."""

    world: World
    app: App
    key: str
    other: str
    bad: dict[str, str]
    second: int

    @property
    def production(self) -> str:
        """The environment that the keys are of."""
        return self.app.environments["production"]

    def records(self) -> int:
        """Count what was published."""
        return self.world.topics.records([self.production])

    def auth(self) -> dict[str, str]:
        """Answer a header with the key."""
        return {"X-Sentry-Auth": f"Sentry sentry_key={self.key}"}


@pytest.fixture(scope="module")
def world(joining: tuple[dict[str, str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Run an edge for which a bomb may be small."""
    env, management_key = joining
    limits = ("AXONPUSH_LIMITS_ENVELOPE_INFLATED_MAX_BYTES", "AXONPUSH_LIMITS_OTLP_INFLATED_MAX_BYTES")
    env = env | dict.fromkeys(limits, str(INFLATED_MAX_BYTES))
    with running(env, tmp_path_factory.mktemp("edge"), management_key) as world:
        yield world


@pytest.fixture(scope="module")
def shop(world: World) -> Shop:
    """Make an app, its keys, and keys that are none of its own, or of nobody's any more."""
    app = world.control.app()
    second = world.control.post(f"/apps/{app.id}/channels", {"name": "Second"})["id"]
    key, revoked = app.key(), app.made_key()
    world.control.post(f"/api-keys/{revoked['id']}/revoke", status=200)
    bad = {
        "revoked": revoked["key"],
        "unknown": mint(Kind.API_KEY, "prod", new_ulid(now_ns()), bytes(32)),
        "with wrong check digits": f"{key[:-1]}{'1' if key[-1] == '0' else '0'}",
        "no key at all": "public",
        "of another app": world.control.app().key(),
        "of another channel": app.token(channelId=second),
    }
    auth = {"X-Sentry-Auth": f"Sentry sentry_key={revoked['key']}"}
    wait_until(lambda: ENDPOINTS[0].send(world.url, app.channel, "", headers=auth).status == 403, "it is revoked")
    return Shop(world, app, key, app.key(), bad, second)


NONE = ("", "Identity", "UTF-8")
COMPRESSED = pytest.mark.parametrize("codec", list(CODECS))


@pytest.mark.clause("Sentry 20a", "Sentry d7")
@COMPRESSED
@EACH
def test_what_is_compressed_is_published_as_what_is_not(shop: Shop, endpoint: Endpoint, codec: str) -> None:
    encoding, compress = CODECS[codec]
    found: list[int] = []
    for more, body in (({}, endpoint.body), ({"Content-Encoding": encoding}, compress(endpoint.body))):
        before = shop.records()
        headers = shop.auth() | more
        answer = endpoint.send(shop.world.url, shop.app.channel, shop.key, body=body, headers=headers)
        assert answer.status == endpoint.status, answer
        assert shop.records() == before + 1
        # Ids that are made here differ, and are all as long.
        found.append(shop.world.topics.last(shop.production).inflated_bytes)
    assert found[0] == found[1]


@pytest.mark.clause("Sentry 20a")
@pytest.mark.parametrize("encoding", NONE)
@EACH
def test_encodings_that_mean_none_do_so_everywhere(shop: Shop, endpoint: Endpoint, encoding: str) -> None:
    headers = {"Content-Encoding": encoding} | shop.auth()
    answer = endpoint.send(shop.world.url, shop.app.channel, shop.key, headers=headers)
    assert answer.status == endpoint.status, answer


@pytest.mark.clause("Sentry 20b")
@COMPRESSED
@EACH
def test_a_corrupt_body_and_a_bomb_are_refused_everywhere(shop: Shop, endpoint: Endpoint, codec: str) -> None:
    encoding, compress = CODECS[codec]
    headers = {"Content-Encoding": encoding} | shop.auth()
    before = shop.records()
    whole = compress(endpoint.body)
    bomb = compress(bytes(INFLATED_MAX_BYTES + 1))
    for body, status, says in (
        (whole[: len(whole) // 2], 400, "incomplete"),
        (b"\xff\xfe" + endpoint.body, 400, ""),
        (b"", 400, "empty"),
        (bomb, 413, str(INFLATED_MAX_BYTES)),
    ):
        answer = endpoint.send(shop.world.url, shop.app.channel, shop.key, body=body, headers=headers)
        endpoint.form.check_error(answer, status, says)
    assert shop.records() == before


@pytest.mark.clause("Sentry 20b")
@EACH
def test_an_unknown_encoding_is_refused_everywhere(shop: Shop, endpoint: Endpoint) -> None:
    for encoding in ("snappy", "gzip, br"):
        headers = {"Content-Encoding": encoding} | shop.auth()
        answer = endpoint.send(shop.world.url, shop.app.channel, shop.key, headers=headers)
        endpoint.form.check_error(answer, 415, encoding)
        assert answer.headers["accept-encoding"] == "gzip, deflate, br, zstd"


# Where a key can stand: the query, and headers.
PLACES: dict[str, tuple[str, dict[str, str]]] = {
    "X-Sentry-Auth": ("", {"X-Sentry-Auth": "sEnTrY sentry_key=<key>, sentry_version=7, sentry_client=x/1"}),
    "Authorization": ("", {"Authorization": "sentry sentry_key=<key>,sentry_version=7"}),
    "Basic": ("", {"Authorization": "Basic <basic>"}),
    "Bearer": ("", {"Authorization": "Bearer <key>"}),
    "X-API-Key": ("", {"X-API-Key": "<key>"}),
    "the query": ("?sentry_key=<key>&sentry_version=7&sentry_client=x%2F1", {}),
}
EACH_PLACE = pytest.mark.parametrize("place", list(PLACES))


def at(place: str, key: str) -> tuple[str, dict[str, str]]:
    """Answer the query and the headers of a request with its key in a place."""
    query, headers = PLACES[place]
    basic = base64.b64encode(f"{key}:".encode()).decode()
    filled = {name: text.replace("<key>", key).replace("<basic>", basic) for name, text in headers.items()}
    return query.replace("<key>", key), filled


@pytest.mark.clause("Sentry 17a", "Sentry 17b", "Sentry d6")
@EACH_PLACE
@EACH
def test_a_key_may_stand_in_every_place_of_every_endpoint(shop: Shop, endpoint: Endpoint, place: str) -> None:
    query, headers = at(place, shop.key)
    # A proxy's own credentials leave it to the next place.
    for more in ({"Origin": PAGE}, {"X-Sentry-Auth": "Bearer of-a-proxy", "Authorization": "Bearer of-a-proxy"}):
        answer = endpoint.send(shop.world.url, shop.app.channel, shop.key, query=query, headers=more | headers)
        assert answer.status == endpoint.status, answer
    assert answer.headers["x-axonpush-resolved-environment"] == "production"


@pytest.mark.clause("Sentry 17c")
@pytest.mark.parametrize(
    "endpoint", [each for each in ENDPOINTS if not each.has_key], ids=lambda endpoint: endpoint.name
)
def test_without_a_key_every_endpoint_answers_401(shop: Shop, endpoint: Endpoint) -> None:
    before = shop.records()
    for more in ({}, {"Authorization": "Bearer of-a-proxy"}, {"X-Sentry-Auth": "Sentry sentry_version=7"}):
        answer = endpoint.send(shop.world.url, shop.app.channel, "", headers=more)
        endpoint.form.check_error(answer, 401, "No key was sent")
    assert shop.records() == before


@pytest.mark.clause("Sentry 17d")
@EACH_PLACE
@EACH
def test_two_different_keys_are_401_wherever_they_stand(shop: Shop, endpoint: Endpoint, place: str) -> None:
    query, headers = at(place, shop.other)
    good: tuple[str, dict[str, str]] = ("", {})  # where it stands in the path
    if not endpoint.has_key:
        good = at("X-API-Key" if query else "the query", shop.key)
    answer = endpoint.send(
        shop.world.url, shop.app.channel, shop.key, query=query or good[0], headers=headers | good[1]
    )
    endpoint.form.check_error(answer, 401, "Two different keys")


KINDS = ("revoked", "unknown", "with wrong check digits", "no key at all", "of another app", "of another channel")
REFUSED = [
    (endpoint, kind)
    for endpoint in ENDPOINTS
    for kind in KINDS
    if "<channel>" in endpoint.path or not kind.startswith("of another")
]


@pytest.mark.clause("Sentry 18b")
@pytest.mark.clause("OTLP 15a", "OTLP 15b")
@pytest.mark.parametrize(("endpoint", "kind"), REFUSED, ids=[f"{endpoint.name}-{kind}" for endpoint, kind in REFUSED])
def test_what_is_no_live_key_of_the_channel_is_403_everywhere(shop: Shop, endpoint: Endpoint, kind: str) -> None:
    before, key = shop.records(), shop.bad[kind]
    query, headers = ("", {}) if endpoint.has_key else at("the query", key)
    answer = endpoint.send(shop.world.url, shop.app.channel, key, query=query, headers=headers)
    # OTLP's exporters are told as they are at /v1/logs.
    is_401 = endpoint.form is JSON and not kind.startswith("of another")
    endpoint.form.check_error(answer, 401 if is_401 else 403, "")
    assert kind == "no key at all" or key not in f"{answer.body!r} {answer.headers}"
    assert shop.records() == before


@pytest.mark.clause("Sentry 17c", "Sentry 17e", "Sentry 18b", "Sentry 19a")
@pytest.mark.parametrize("path", ["/api/<channel>/envelope/", "/api/<channel>/store/", "/api/store/"])
def test_an_envelopes_dsn_is_a_place_like_the_others(shop: Shop, path: str) -> None:
    endpoint = Endpoint("", path, b"", ENVELOPE_TYPE)

    def sent(key: str, **headers: str) -> Answer:
        body = envelope(dsn=f"https://{key}@host/{shop.app.channel}")
        return endpoint.send(shop.world.url, shop.app.channel, "", body=body, headers=headers)

    assert sent(shop.key).status == 200
    assert sent(shop.key, **{"X-API-Key": shop.key}).status == 200
    SENTRY.check_error(sent(shop.other, **{"X-API-Key": shop.key}), 400, "dsn")
    for key in shop.bad.values():
        SENTRY.check_error(sent(key), 403, "")


@pytest.mark.clause("Sentry 10c")
@EACH_PLACE
def test_the_key_knows_the_project_where_the_path_does_not(shop: Shop, place: str) -> None:
    (endpoint,) = [each for each in ENDPOINTS if each.path == "/api/store/"]
    for key, channel in ((shop.key, shop.app.channel), (shop.bad["of another channel"], shop.second)):
        before = shop.records()
        query, headers = at(place, key)
        answer = endpoint.send(shop.world.url, 0, "", query=query, headers=headers)
        assert (answer.status, answer.json()) == (200, {"id": EVENT_ID}), answer
        assert shop.records() == before + 1
        assert shop.world.topics.last(shop.production).channel_id == channel
    # An envelope says it itself.
    body = envelope(dsn=f"https://{shop.bad['of another channel']}@host/{shop.second}")
    headers = {"Content-Type": ENVELOPE_TYPE}
    assert endpoint.send(shop.world.url, 0, "", body=body, headers=headers).status == 200
    assert shop.world.topics.last(shop.production).channel_id == shop.second


ASKED = {
    *("x-sentry-auth", "x-api-key", "x-axonpush-channel", "x-axonpush-environment", "content-type", "referer"),
    *("content-encoding", "authorization", "sentry-trace", "baggage", "x-requested-with", "origin", "accept"),
}


@pytest.mark.clause("Sentry 15")
@EACH
def test_a_page_may_ask_every_endpoint_for_just_these_headers(shop: Shop, endpoint: Endpoint) -> None:
    asked = {"Origin": PAGE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-sentry-auth"}
    answer = endpoint.send(shop.world.url, shop.app.channel, "key", method="OPTIONS", body=b"", headers=asked)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["access-control-allow-methods"] == endpoint.methods
    assert answer.headers["access-control-max-age"] == "3600"
    names = [name.strip() for name in answer.headers["access-control-allow-headers"].split(",")]
    assert sorted(names) == sorted(ASKED)
    check_exposed(answer)
