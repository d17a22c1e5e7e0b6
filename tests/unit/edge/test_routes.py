"""Paths as clients really send them."""

import pytest

from gateway.edge.routes import CONTROL, ENVELOPE, METRICS, STORE, Family, Found, check_method, find
from schemas.errors import MethodNotAllowed, NotFound
from schemas.signals import Signal


@pytest.mark.clause("OTLP 5c")
@pytest.mark.parametrize(
    "path",
    [
        *("/v1/traces", "/v1/traces/", "//v1/traces", "/v1/traces?dryRun=1"),
        *("http://shop.example/v1/traces", "HTTPS://shop.example:443//v1/traces/?dryRun=1"),
    ],
)
def test_otlp_paths(path: str) -> None:
    route = find(path).route
    assert (route.family, route.signal) == (Family.OTLP, Signal.TRACES)
    check_method(find(path), "POST")


@pytest.mark.parametrize(
    "path",
    [
        "/api/1/envelope/",
        "/api/1/envelope",
        "//api//1/envelope//",
        "/api/1/envelope/?sentry_key=ak_x&sentry_version=7",
        "/a/prefix/api/1/envelope/",
        "http://shop.example:8080/api/1/envelope/?sentry_key=ak_x",
    ],
)
def test_sentry_paths(path: str) -> None:
    found = find(path)
    assert found.route is ENVELOPE
    assert found.parameters == {"channel": "1"}


def test_the_store_endpoint_and_an_encoded_channel() -> None:
    found = find("/api/%31/store/")
    assert found.route is STORE
    assert found.parameters == {"channel": "1"}


@pytest.mark.parametrize(
    ("path", "name", "parameters"),
    [
        ("/api/store/", "sentry_store", {}),
        ("/api/1/security/", "sentry_security", {"channel": "1"}),
        ("/api/1/csp-report", "sentry_security", {"channel": "1"}),
        ("/api/1/nel/", "sentry_nel", {"channel": "1"}),
        ("/api/1/minidump", "sentry_minidump", {"channel": "1"}),
        ("/api/1/unreal/ak_x/", "sentry_unreal", {"channel": "1", "key": "ak_x"}),
        ("/api/1/cron/a%20b/", "sentry_check_in", {"channel": "1", "slug": "a b"}),
        ("/p//api/1/cron/api/ak_x/", "sentry_check_in", {"channel": "1", "slug": "api", "key": "ak_x"}),
        ("/api/1/events/ab/attachments/", "sentry_attachments", {"channel": "1", "event": "ab"}),
        ("/api/1/integration/otlp/v1/logs/", "otlp_logs", {"channel": "1"}),
        ("/api/1/otlp/v1/traces", "otlp_traces", {"channel": "1"}),
    ],
)
def test_sentrys_other_endpoints(path: str, name: str, parameters: dict[str, str]) -> None:
    found = find(path)
    assert (found.route.name, found.parameters) == (name, parameters)


@pytest.mark.parametrize("path", ["/api", "/api/0/organizations/", "/p/api/1/nothing/", "/api/1/integration/otlp/v1/x"])
def test_what_is_no_endpoint_is_told_in_sentrys_form(path: str) -> None:
    found = find(path)
    assert found.route.family is Family.SENTRY
    with pytest.raises(NotFound, match="/api/<channel>/envelope/"):
        check_method(found, "POST")


@pytest.mark.parametrize("path", ["/apps", "/api-keys", "/apps/x/environments", "/nowhere"])
def test_everything_else_is_the_control_planes(path: str) -> None:
    assert find(path).route is CONTROL


def test_the_control_planes_path_stays_encoded() -> None:
    assert find("/apps/1/environments/by-ref/acme%2Fshop%2342").path == "/apps/1/environments/by-ref/acme%2Fshop%2342"


@pytest.mark.clause("OTLP 5b", "OTLP 5d")
@pytest.mark.parametrize(
    "path",
    [
        *("/", "/v1/profiles", "/v1/", "http://shop.example", "/otlp/v1/traces", "/otlp/v1/logs/?x=1", "/V1/LOGS"),
        *("/v1/traces/v1/traces", "/api/v1/metrics", "/api/1/integration/otlp/v1/metrics", "/v1development/profiles"),
        *("/traces", "/otlp", "/otlp/", "/v2/logs", "/ingest/Metrics"),
    ],
)
def test_where_a_misconfigured_exporter_arrives_names_the_right_path(path: str) -> None:
    check_named(find(path))


@pytest.mark.clause("OTLP 5b")
@pytest.mark.parametrize("content_type", ["application/x-protobuf", "Application/X-Protobuf; messageType=x"])
@pytest.mark.parametrize("path", ["/nowhere", "/apps", "/healthz", "/metrics", "/api", "/api/v1/otlp/"])
def test_what_only_an_exporter_sends_is_an_exporters_wherever_it_arrives(path: str, content_type: str) -> None:
    check_named(find(path, {"Content-Type": content_type}))


@pytest.mark.clause("OTLP 5b")
def test_what_others_send_too_is_an_exporters_where_nobody_else_sends_it() -> None:
    json = {"Content-Type": "application/json"}
    check_named(find("/metrics", json))
    assert find("/metrics").route is METRICS
    assert find("/metrics", json, "GET").route is METRICS
    assert find("/apps", json).route is CONTROL


def check_named(found: Found) -> None:
    """See that an exporter is told where OTLP goes."""
    assert found.route.family is Family.OTLP
    with pytest.raises(NotFound, match="/v1/traces"):
        check_method(found, "POST")


@pytest.mark.parametrize(("path", "method"), [("/v1/logs", "GET"), ("/healthz", "POST"), ("/api/1/envelope/", "PUT")])
def test_other_methods_are_told_which_ones_are_allowed(path: str, method: str) -> None:
    with pytest.raises(MethodNotAllowed) as caught:
        check_method(find(path), method)
    assert caught.value.allowed == find(path).route.methods
