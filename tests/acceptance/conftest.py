"""One running `axonpush up` for all acceptance tests."""

from collections.abc import Iterator

import psutil
import pytest

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
