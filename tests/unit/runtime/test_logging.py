"""Logs: every line is masked, whatever part of it carries the credential."""

import json
import logging

import pytest

from gateway.runtime.logging import JsonFormatter, TextFormatter, redact

KEY = "ak_prod_01ARZ3NDEKTSV4RRFFQ69G5FAVsecretsecretsecretsecret"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"key {KEY}.", "key ak_********."),
        (f"{KEY.replace('ak_', 'mk_')},{KEY.replace('ak_', 'pt_')}", "mk_********,pt_********"),
        ("POST /api/1/envelope/?sentry_key=abc&x=1", "POST /api/1/envelope/?sentry_key=********&x=1"),
        (
            "X-Sentry-Auth: Sentry Sentry_Key=abc, sentry_version=7",
            "X-Sentry-Auth: Sentry Sentry_Key=********, sentry_version=7",
        ),
        ("postgresql://u:p%40ss@h:5432/d", "postgresql://u:********@h:5432/d"),
        (f"http://{KEY}@h:8080/1", "http://ak_********@h:8080/1"),
        ("http://h:8080/a@b", "http://h:8080/a@b"),
        ("ak_short stays", "ak_short stays"),
    ],
)
def test_credentials_are_masked(text: str, masked: str) -> None:
    assert redact(text) == masked


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_arguments_and_tracebacks_are_masked_too(formatter: logging.Formatter) -> None:
    error = ValueError(KEY)
    record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "%s failed", (KEY,), (type(error), error, None))
    line = formatter.format(record)
    assert "secretsecret" not in line
    assert "ak_******** failed" in line
    assert "ValueError: ak_********" in line


def test_a_json_line_is_one_object() -> None:
    record = logging.LogRecord("edge", logging.INFO, "x.py", 1, 'two\nlines and a "quote"', (), None)
    record.created = 1_700_000_000.5
    line = JsonFormatter().format(record)
    assert "\n" not in line
    assert json.loads(line) == {
        "time": "2023-11-14T22:13:20.500Z",
        "level": "INFO",
        "logger": "edge",
        "pid": record.process,
        "message": 'two\nlines and a "quote"',
    }
    assert TextFormatter().format(record).startswith("2023-11-14T22:13:20.500Z INFO    edge: two")
