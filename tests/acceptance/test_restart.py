"""`axonpush up` again on the same data: keys and events are still there, however the run before ended."""

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.acceptance.sending import send
from tests.acceptance.stack import Ready, Stack, start
from tests.folders import data_folder
from tests.integration.edge.forms import logs_json


def store(stack: Stack, keys: Ready) -> str:
    """Send a log record with a key and wait until it is stored."""
    text = secrets.token_hex(8)
    headers = {"X-API-Key": keys.api_keys["development"], "Content-Type": "application/json"}
    answer = send(f"{stack.url}/v1/logs", headers=headers, body=json.dumps(logs_json(text)).encode())
    assert answer.status == 200, answer
    stack.database.wait_for(1, "SELECT 1 FROM logs WHERE body_text = $1", text)
    return text


def stop_in_order(stack: Stack) -> None:
    assert stack.process.stop() == 0, stack.process.log


def kill(stack: Stack) -> None:
    stack.process.kill()


@pytest.fixture
def folder() -> Iterator[Path]:
    """Keep the data of several runs."""
    with data_folder() as path:
        yield path


def test_what_was_stored_and_the_keys_outlive_the_process(folder: Path) -> None:
    texts: list[str] = []
    keys: Ready | None = None
    for end in (stop_in_order, kill, stop_in_order):
        stack = start(folder)
        family = stack.process.family()
        try:
            keys = keys or stack.ready
            assert stack.ready.api_keys == keys.api_keys
            assert stack.ready.management_key == keys.management_key
            stack.control.get("/apps")
            texts.append(store(stack, keys))
            stored = stack.database.rows("SELECT body_text FROM logs ORDER BY received_at")
            assert [row["body_text"] for row in stored] == texts
            stack.database.close()
        finally:
            end(stack)
        _, alive = psutil.wait_procs(family, timeout=30)
        assert not alive, f"After its end these are still running: {alive}"
