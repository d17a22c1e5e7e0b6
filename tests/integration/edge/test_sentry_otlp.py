"""OTLP under Sentry's paths: the channel stands in the path, a page may send it, and its bodies are those of OTLP."""

import json

import pytest

from tests.integration.edge.forms import JSON, PROTOBUF, check_exposed
from tests.integration.edge.test_sentry_endpoints import Shop
from tests.integration.edge.world import World
from tests.unit.protocols.test_otlp_validate import GOOD, traces


@pytest.fixture(scope="module")
def shop(world: World) -> Shop:
    app = world.control.app()
    return Shop(world, app, app.key())


@pytest.mark.clause("Sentry 14", "Sentry 16a", "Sentry 16b")
@pytest.mark.parametrize("where", ["integration/otlp", "otlp"])
@pytest.mark.parametrize("signal", ["logs", "traces"])
def test_otlp_comes_under_sentrys_path_too(shop: Shop, signal: str, where: str) -> None:
    before = shop.records()
    span = {"traceId": "ab" * 16, "spanId": "cd" * 8, "name": "n", "startTimeUnixNano": "1", "endTimeUnixNano": "2"}
    spans = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()
    path, body = f"/api/<channel>/{where}/v1/{signal}", JSON.payload if signal == "logs" else spans
    for suffix in ("", "/"):
        answer = shop.send(path + suffix, body, Content_Type="application/json")
        assert (answer.status, answer.body) == (200, b"{}"), answer
        check_exposed(answer)
    assert shop.records() == before + 2
    protobuf = PROTOBUF.payload if signal == "logs" else traces(GOOD).SerializeToString()
    answer = shop.send(path, protobuf, Content_Type="application/x-protobuf")
    assert (answer.status, answer.body) == (200, b""), answer
    assert answer.headers["content-type"] == "application/x-protobuf"
    refused = (
        (shop.send(path, body, key=False, Content_Type="application/json"), 401, "No key"),
        (shop.send(path, b"{", Content_Type="application/json"), 400, "JSON"),
        (shop.send(f"/api/shop/{where}/v1/{signal}", body, Content_Type="application/json"), 400, "number"),
        (shop.send(path, method="GET"), 405, "POST"),
    )
    for answer, status, told in refused:
        JSON.check_error(answer, status, told)
        check_exposed(answer)
