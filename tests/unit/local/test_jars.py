"""Kafka's jars: only what the list pins is used, and each is fetched once."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.local import jars
from gateway.local.errors import LocalError
from gateway.local.jars import Jar

CONTENT = {name: name.encode() * 50_000 for name in ("broker", "clients", "scala")}


def jar(artifact: str, content: bytes | None = None) -> Jar:
    content = CONTENT[artifact] if content is None else content
    return Jar("org.example", artifact, "1.0", len(content), hashlib.sha256(content).hexdigest())


JARS = [jar(name) for name in CONTENT]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


class Repository:
    """A Maven repository on the loopback that counts what it is asked for."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        """Answer a jar, as a repository does."""
        artifact = request.match_info["artifact"]
        self.requests[artifact] += 1
        assert request.path.endswith(f"/org/example/{artifact}/1.0/{artifact}-1.0.jar")
        return web.Response(body=CONTENT[artifact])


class Bytes:
    """A display that adds up what it is told."""

    def __init__(self) -> None:
        self.arrived_bytes = 0
        self.total_bytes = 0

    def say(self, line: str) -> None:
        """Show nothing."""

    @contextmanager
    def download(self, total_bytes: int) -> Generator[Callable[[int], None]]:
        """Add up."""
        self.total_bytes += total_bytes

        def advance(more_bytes: int) -> None:
            self.arrived_bytes += more_bytes

        yield advance


@pytest.fixture
async def repository() -> AsyncGenerator[Repository]:
    made = Repository()
    app = web.Application()
    app.router.add_get("/maven/org/example/{artifact}/1.0/{file}", made.answer)
    async with TestServer(app) as server:
        made.url = str(server.make_url("/maven"))
        yield made


async def test_starts_at_the_same_time_fetch_each_jar_once(repository: Repository, tmp_path: Path) -> None:
    displays = [Bytes() for _ in range(3)]
    answers = await asyncio.gather(
        *(jars.ensure(tmp_path, JARS, lambda: [repository.url], display) for display in displays)
    )
    assert answers == [[tmp_path / f"{name}-1.0.jar" for name in CONTENT]] * 3
    assert [path.read_bytes() for path in answers[0]] == list(CONTENT.values())
    assert repository.requests == dict.fromkeys(CONTENT, 1)
    total_bytes = sum(len(content) for content in CONTENT.values())
    assert sorted(display.arrived_bytes for display in displays) == [0, 0, total_bytes]
    assert names(tmp_path) == {"lock", *(each.file_name for each in JARS)}


async def test_only_a_corrupt_jar_is_fetched_again(repository: Repository, tmp_path: Path) -> None:
    paths = await jars.ensure(tmp_path, JARS, lambda: [repository.url], Bytes())
    paths[1].write_bytes(CONTENT["clients"][:-1] + b"!")
    await jars.ensure(tmp_path, JARS, lambda: [repository.url], Bytes())
    assert paths[1].read_bytes() == CONTENT["clients"]
    assert repository.requests == {"broker": 1, "clients": 2, "scala": 1}


async def test_what_is_complete_needs_no_network(repository: Repository, tmp_path: Path) -> None:
    paths = await jars.ensure(tmp_path, JARS, lambda: [repository.url], Bytes())

    def not_asked() -> list[str]:
        pytest.fail("asked for repositories")

    assert await jars.ensure(tmp_path, JARS, not_asked, Bytes()) == paths


async def test_a_jar_with_another_hash_is_not_used(repository: Repository, tmp_path: Path) -> None:
    wrong = jar("broker", b"what the list pins")
    display = Bytes()
    with pytest.raises(LocalError, match=r"broker-1\.0\.jar, .* could not be downloaded: .* another SHA-256"):
        await jars.ensure(tmp_path, [wrong], lambda: [repository.url], display)
    assert repository.requests["broker"] == 3
    assert display.arrived_bytes == 0
    assert names(tmp_path) == {"lock"}


async def test_repositories_are_tried_in_turn(repository: Repository, tmp_path: Path) -> None:
    nothing_there = repository.url.replace("/maven", "/elsewhere")
    await jars.ensure(tmp_path, JARS[:1], lambda: [nothing_there, repository.url], Bytes())
    assert repository.requests == {"broker": 1}


async def test_without_a_network_the_sentence_says_what_to_do(tmp_path: Path, unused_tcp_port: int) -> None:
    with pytest.raises(LocalError, match=r"Check the network, or HTTPS_PROXY behind a proxy, and start again"):
        await jars.ensure(tmp_path, JARS, lambda: [f"http://127.0.0.1:{unused_tcp_port}"], Bytes())


def test_the_list_names_each_jar_once_and_pins_it() -> None:
    pinned = jars.pinned()
    assert "kafka_2.13-4.3.0.jar" in [each.file_name for each in pinned]
    assert len({each.file_name for each in pinned}) == len(pinned)
    assert all(len(bytes.fromhex(each.sha256)) == 32 and each.size_bytes > 0 for each in pinned)


def test_the_cache_follows_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache/me")
    assert jars.cache_folder() == Path("/var/cache/me/axonpush/jars")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    assert jars.cache_folder() == Path("/home/me/.cache/axonpush/jars")
