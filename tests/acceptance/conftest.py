"""One running `axonpush up` for all acceptance tests, and the clients that they send with."""

from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest
import sentry_sdk
from sentry_sdk.profiler.continuous_profiler import teardown_continuous_profiler
from sentry_sdk.profiler.transaction_profiler import teardown_profiler

from tests.acceptance import node_client
from tests.acceptance.stack import App, Stack, start
from tests.folders import data_folder


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Start everything, and see that it stops in order and leaves nothing behind."""
    with data_folder() as folder:
        stack = start(folder)
        family = stack.process.family()
        yield stack
        stack.database.close()
        assert stack.process.stop() == 0, stack.process.log
        _, alive = psutil.wait_procs(family, timeout=1)
        assert not alive, f"`axonpush up` left these running: {alive}"


@pytest.fixture
def app(stack: Stack) -> App:
    """Make an app for one test alone."""
    return stack.control.app()


@pytest.fixture(scope="session")
def node() -> None:
    """Have the npm packages at hand."""
    node_client.install()


@pytest.fixture
def start_sdk(app: App) -> Iterator[Callable[..., None]]:
    """Answer what starts Sentry's Python SDK with options; its DSN leads through a path prefix, as behind a proxy."""
    origin, _, channel = app.dsn(app.key("development")).rpartition("/")
    # It would trace the queries of the tests themselves.
    given: Any = {"release": "shop@4.5.6", "dist": "linux-7", "auto_enabling_integrations": False}

    def start_it(**options: Any) -> None:
        sentry_sdk.init(dsn=f"{origin}/some/prefix/{channel}", **given, **options)

    yield start_it
    teardown_profiler()
    teardown_continuous_profiler()
    sentry_sdk.get_client().close()
    sentry_sdk.init()
