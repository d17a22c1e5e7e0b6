"""How long a line of an envelope may be, and how many items it may have, to the byte; what is larger is 413."""

import pytest

from tests.integration.edge.forms import SENTRY
from tests.integration.edge.test_sentry_endpoints import Shop
from tests.integration.edge.world import World


@pytest.fixture(scope="module")
def shop(world: World) -> Shop:
    app = world.control.app()
    return Shop(world, app, app.key())


LINE_MAX_BYTES = 8192


def padded(line: str, size_bytes: int) -> bytes:
    """Write a line of JSON of so many bytes, by a longer `pad`."""
    return line.replace('"pad":""', f'"pad":"{"x" * (size_bytes - len(line))}"').encode()


@pytest.mark.clause("Sentry 19b", "Sentry b9")
def test_the_first_line_of_a_tunnel_is_not_read_any_further(shop: Shop) -> None:
    line = f'{{"pad":"","dsn":"https://{shop.key}@host/{shop.app.channel}"}}'
    for size_bytes, status in ((LINE_MAX_BYTES, 200), (LINE_MAX_BYTES + 1, 401)):
        body = padded(line, size_bytes) + b'\n{"type":"session"}\n{}'
        answer = shop.send("/api/<channel>/envelope/", body, key=False)
        assert answer.status == status, answer


@pytest.mark.clause("Sentry 22", "Sentry b9")
def test_a_line_of_8_kib_is_taken_and_a_longer_one_is_too_large(shop: Shop) -> None:
    before = shop.records()
    item = '{"type":"attachment","length":1,"pad":"","filename":"' + "f" * 4000 + '"}'
    for size_bytes, status in ((LINE_MAX_BYTES, 200), (LINE_MAX_BYTES + 1, 413)):
        first_line = padded('{"pad":""}', size_bytes) + b'\n{"type":"session"}\n{}'
        header_of_an_item = b"{}\n" + padded(item, size_bytes) + b"\nx"
        for body in (first_line, header_of_an_item):
            answer = shop.send("/api/<channel>/envelope/", body)
            assert answer.status == status, answer
            if status != 200:
                SENTRY.check_error(answer, 413, "longer than 8192 bytes")
    assert shop.records() == before + 2


@pytest.mark.clause("Sentry 22", "Sentry b12")
def test_more_items_than_an_envelope_may_have_are_too_large(shop: Shop) -> None:
    before = shop.records()
    for count, status in ((10_000, 200), (10_001, 413)):
        answer = shop.send("/api/<channel>/envelope/", b"{}" + b'\n{"type":"statsd"}\n' * count)
        assert answer.status == status, answer
    SENTRY.check_error(answer, 413, "more than 10000 items")
    assert shop.records() == before + 1
