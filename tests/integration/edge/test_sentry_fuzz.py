"""No request to one of Sentry's paths is answered with a 500, or breaks the connection without an answer."""

import gzip
import random
from collections.abc import Iterator

import pytest

from tests.acceptance.sending import Answer, Connection, send
from tests.acceptance.stack import App
from tests.integration.edge.forms import envelope
from tests.integration.edge.world import World

REQUESTS_COUNT = 1000
ENDPOINTS = (
    *("envelope", "store", "security", "csp-report", "minidump", "unreal/{key}", "cron/a%20b", "cron/%ff/{key}"),
    *("events/9ec79c33ec9942ab8353589fcb2e04dc/attachments", "events/%f0/attachments", "nothing", ""),
    *("integration/otlp/v1/traces", "integration/otlp/v1/logs", "nel"),
)
CHANNELS = ("{channel}", "{channel}", "{channel}", "0", "x", "%31", "%ff", "9" * 30)
QUERIES = (
    *("", "", "?sentry_key={key}", "?sentry_key={key}&sentry_version=7", "?sentry_version=nan", "?status=ok"),
    *("?sentry_data=e30=", "?sentry_data=%ff%00", "?status=ok&duration=1e999&monitor_config={{", "?&&=%", "?dryRun=1"),
)
HEADERS = (
    *(("X-Sentry-Auth", "Sentry sentry_key={key}, sentry_version=7"), ("X-Sentry-Auth", "Sentry ,=,\xff")),
    *(("Authorization", "Basic \xff"), ("Authorization", "Basic {key}"), ("Origin", "https://\xff")),
    *(("X-Axonpush-Environment", "\xff"), ("X-Axonpush-Environment", "development"), ("X-API-Key", "{key}")),
    *(("Content-Encoding", "gzip"), ("Content-Encoding", "deflate"), ("Content-Encoding", "UTF-8")),
    *(("Content-Type", "application/json"), ("Content-Type", "multipart/form-data; boundary=x")),
    *(("Content-Type", "multipart/form-data; boundary=\xff"), ("Content-Type", "application/x-protobuf")),
    *(("Content-Type", "application/reports+json"), ("Content-Type", "application/x-sentry-envelope")),
    *(("Content-Type", "application/x-www-form-urlencoded"), ("Content-Type", "\xff/;;=")),
)
PIECES = (
    *(
        b"{}",
        b"\n",
        b"{",
        b"}",
        b"[",
        b"]",
        b"\r\n",
        b"\0",
        b"\xff\xfe",
        b"NaN",
        b'"',
        b"\\ud83d",
        b"sentry_data=",
        b"e30=",
    ),
    *(
        b'{"type":"event"}',
        b'{"type":"event","length":2}',
        b'{"type":"log","item_count":1}',
        b'{"type":"client_report"}',
    ),
    *(b'{"type":"attachment","length":3}', b'{"status":"ok"}', b'{"dsn":"https://k@h/1"}', b'{"items":[{}]}', b"MDMP"),
    *(b'--x\r\nContent-Disposition: form-data; name="upload_file_minidump"; filename="\xff"\r\n\r\nMDMP\r\n', b"--x--"),
    *(b'{"n":%s}' % (b"9" * 400), b"[" * 1500, b'{"sent_at":%s}' % (b"1" * 400), b"\x78\x9c", b"\x0a\x80\x80"),
)


@pytest.fixture(scope="module")
def app(world: World) -> App:
    return world.control.app()


def requests(app: App, key: str) -> Iterator[tuple[str, str, list[tuple[str, str]], bytes]]:
    """Answer requests: the same ones every time."""
    chance = random.Random(5)  # noqa: S311 (no secret: the same ones every time)
    for _ in range(REQUESTS_COUNT):
        prefix = chance.choice(("", "", "/p", "//"))
        path = f"{prefix}/api/{chance.choice(CHANNELS)}/{chance.choice(ENDPOINTS)}{chance.choice(('', '/', '//'))}"
        target = (path + chance.choice(QUERIES)).format(key=key, channel=app.channel)
        names = chance.sample(HEADERS, chance.randrange(4)) + [HEADERS[0]] * chance.randrange(2)
        headers = [(name, value.replace("{key}", key)) for name, value in names]
        body = b"".join(chance.choices(PIECES, k=chance.randrange(9))) if chance.random() < 0.8 else envelope()
        if chance.random() < 0.2:
            body = gzip.compress(body, mtime=0)
        yield chance.choice(("POST", "POST", "POST", "GET", "OPTIONS", "PUT")), target, headers, body


def test_nothing_that_is_sent_breaks_it(world: World, app: App) -> None:
    key = app.key()
    statuses: dict[int, int] = {}
    with Connection(world.url) as connection:
        for method, target, headers, body in requests(app, key):
            answer: Answer = connection.send(target, method, headers, body)
            statuses[answer.status] = statuses.get(answer.status, 0) + 1
            assert answer.status < 500, (method, target, headers, body, answer)
            assert not 300 <= answer.status < 400, target
            if answer.headers.get("x-sentry-error"):
                # Of a head that cannot be read there is more, as it may be an exporter's.
                assert set(answer.json()) >= {"detail", "causes"}
                assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    # Not only refusals.
    assert {200, 202, 400, 401, 403, 404, 405, 415} <= set(statuses), statuses
    assert send(f"{world.url}/readyz", method="GET").status == 200
