"""Kafka's jars: a pinned list, fetched once into a cache that all data directories share, verified at each start."""

import asyncio
import fcntl
import hashlib
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import IO

import aiohttp
import msgspec
from msgspec import Struct

from gateway.local.display import Display
from gateway.local.errors import LocalError

_PARALLEL = 6
_ATTEMPTS = 3
_CHUNK_BYTES = 64 * 1024
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=15, sock_read=30)


class Jar(Struct, frozen=True):
    """One jar by its Maven coordinates; `sha256` is in hex."""

    group: str
    artifact: str
    version: str
    size_bytes: int
    sha256: str

    @property
    def file_name(self) -> str:
        """The file's name, in a repository and in the cache."""
        return f"{self.artifact}-{self.version}.jar"

    @property
    def url_path(self) -> str:
        """The path below a repository's URL."""
        return f"{self.group.replace('.', '/')}/{self.artifact}/{self.version}/{self.file_name}"


def pinned() -> list[Jar]:
    """List the jars that make up the broker."""
    return msgspec.json.decode(files("gateway.local").joinpath("jars.json").read_bytes(), type=list[Jar])


def cache_folder() -> Path:
    """Name the folder that all data directories of this user share."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "axonpush" / "jars"


async def ensure(folder: Path, jars: list[Jar], repositories: Callable[[], list[str]], display: Display) -> list[Path]:
    """Answer the jars' paths in the list's order, after fetching those that are missing or not what the list says.

    Starts at the same time wait for each other here, and the later ones find everything in place.

    Args:
        folder: the cache.
        jars: the list.
        repositories: called when something is missing; answers URLs of Maven repositories, to be tried in turn.
        display: is told about the download.

    Raises:
        LocalError: a jar cannot be fetched, or what arrived is not what the list says.
    """
    missing = await asyncio.to_thread(_missing, folder, jars)
    if missing:
        async with _alone(folder):
            missing = await asyncio.to_thread(_missing, folder, jars)
            await _fetch_all(folder, missing, repositories(), display)
    return [folder / jar.file_name for jar in jars]


def maven_repositories() -> list[str]:
    """List the repositories of jgo's configuration file, then its default.

    Raises:
        LocalError: jgo is not installed.
    """
    try:
        from jgo.config import GlobalSettings
        from jgo.constants import MAVEN_CENTRAL_URL
    except ImportError as error:
        raise LocalError(
            "Kafka's jars are not here yet, and jgo, which knows where they are, is not installed. "
            'Run `pip install "axonpush[local]"`, or use a running Kafka with --external-kafka HOST:PORT.'
        ) from error
    return [*GlobalSettings.load().repositories.values(), MAVEN_CENTRAL_URL]


def _missing(folder: Path, jars: list[Jar]) -> list[Jar]:
    """List the jars that are not in the folder with the right content."""
    return [jar for jar in jars if _sha256(folder / jar.file_name) != jar.sha256]


def _sha256(path: Path) -> str:
    """Hash a file; one that does not exist has the empty hash."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""


@asynccontextmanager
async def _alone(folder: Path) -> AsyncGenerator[None]:
    """Let one process at a time fetch."""
    with await asyncio.to_thread(_locked, folder):
        yield


def _locked(folder: Path) -> IO[str]:
    """Answer the open lock file, after waiting for whoever else holds it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w")
    except OSError as error:
        raise LocalError(f"The cache {folder} cannot be made: {error}. Set XDG_CACHE_HOME to another place.") from error
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


async def _fetch_all(folder: Path, jars: list[Jar], repositories: list[str], display: Display) -> None:
    """Fetch several at a time."""
    turns = asyncio.Semaphore(_PARALLEL)
    async with aiohttp.ClientSession(timeout=_TIMEOUT, trust_env=True) as session:
        with display.download(sum(jar.size_bytes for jar in jars)) as advance:

            async def fetch(jar: Jar) -> None:
                async with turns:
                    await _fetch(session, folder, jar, repositories, advance)

            try:
                async with asyncio.TaskGroup() as group:
                    for jar in jars:
                        group.create_task(fetch(jar))
            except* LocalError as errors:
                first = errors.exceptions[0]
                raise first from first.__cause__


async def _fetch(
    session: aiohttp.ClientSession, folder: Path, jar: Jar, repositories: list[str], advance: Callable[[int], None]
) -> None:
    """Fetch one jar: beside its place, and moved there once its hash is right."""
    beside = folder / f"{jar.file_name}.part"
    problem = "no repository is configured"
    for repository in repositories * _ATTEMPTS:
        arrived_bytes = 0
        try:
            async with session.get(f"{repository.rstrip('/')}/{jar.url_path}") as response:
                response.raise_for_status()
                with beside.open("wb") as file:
                    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
                        file.write(chunk)
                        arrived_bytes += len(chunk)
                        advance(len(chunk))
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            problem = f"{type(error).__name__}: {error}"
        else:
            if await asyncio.to_thread(_sha256, beside) == jar.sha256:
                beside.replace(folder / jar.file_name)
                return
            problem = "what arrived has another SHA-256 than the pinned one"
        advance(-arrived_bytes)
    beside.unlink(missing_ok=True)
    raise LocalError(
        f"{jar.file_name}, a part of Kafka, could not be downloaded: {problem}. Check the network, or HTTPS_PROXY "
        "behind a proxy, and start again: what has arrived is kept."
    )
