"""The running stack as the tests see it: where it listens, its keys, its rows."""

import json
import secrets
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from tests.acceptance import processes
from tests.acceptance.database import Database, wait_until
from tests.acceptance.processes import Process, start_edge
from tests.acceptance.sending import send


class Ready(Struct, frozen=True, forbid_unknown_fields=True):
    """What `axonpush up --ready-file` writes."""

    ingest_url: str
    channel: int
    api_keys: dict[str, str]
    dsn: dict[str, str]
    management_key: str
    database_url: str
    kafka_bootstrap: str
    env: dict[str, str]


class Control:
    """The control plane over HTTP."""

    def __init__(self, url: str, management_key: str) -> None:
        self.url = url
        self.management_key = management_key
        self._headers = {"Authorization": f"Bearer {management_key}", "Content-Type": "application/json"}

    def post(self, path: str, body: Mapping[str, Any] | None = None, status: int = 201) -> Any:
        """Post to a call and answer what it answers."""
        return self.call("POST", path, body, status)

    def put(self, path: str, body: Mapping[str, Any], status: int = 201) -> Any:
        """Put an object and answer what it answers."""
        return self.call("PUT", path, body, status)

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        """Patch an object and answer what it has become."""
        return self.call("PATCH", path, body)

    def get(self, path: str, status: int = 200) -> Any:
        """Get an object or a list."""
        return self.call("GET", path, None, status)

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Make a call that answers with this status, and answer what it answers; None where that is nothing."""
        encoded = b"" if body is None else json.dumps(body).encode()
        answer = send(self.url + path, method=method, headers=self._headers | dict(headers or {}), body=encoded)
        assert answer.status == status, f"{method} {path}: {answer}"
        return answer.json() if answer.body else None

    def app(self) -> "App":
        """Make an app of its own for a test."""
        made = self.post("/apps", {"name": f"Test {secrets.token_hex(6)}"})
        listed = self.get(f"/apps/{made['id']}/environments")["items"]
        return App(
            control=self,
            id=made["id"],
            slug=made["slug"],
            channel=made["defaultChannelId"],
            environments={each["slug"]: each["id"] for each in listed},
        )


class App(Struct):
    """An app with its environments by slug."""

    control: Control
    id: str
    slug: str
    channel: int
    environments: dict[str, str]

    def environment(self, slug: str, **fields: Any) -> str:
        """Make an environment and answer its id."""
        made = self.control.post(f"/apps/{self.id}/environments", {"slug": slug, "partitions": 1, **fields})
        self.environments[slug] = made["id"]
        return made["id"]

    def key(self, slug: str = "production", **fields: Any) -> str:
        """Make an API key and answer its text."""
        return self.made_key(slug, **fields)["key"]

    def made_key(self, slug: str = "production", **fields: Any) -> Any:
        """Make an API key and answer all of it."""
        return self.control.post(
            "/api-keys", {"appId": self.id, "environmentId": self.environments[slug], **fields}, status=201
        )

    def token(self, slug: str = "production", **fields: Any) -> str:
        """Make a public token of the app's channel and answer its text."""
        body = {"channelId": self.channel, "environmentId": self.environments[slug], **fields}
        return self.control.post("/public-tokens", body)["token"]

    def dsn(self, key: str) -> str:
        """Answer the DSN that a Sentry SDK is given."""
        return f"{self.control.url.replace('://', f'://{key}@')}/{self.channel}"


class Stack:
    """A stack that `axonpush up` runs, and what can be done with it."""

    def __init__(self, process: Process, ready: Ready, folder: Path) -> None:
        self.process = process
        self.ready = ready
        self.folder = folder
        self.url = ready.ingest_url.rstrip("/")
        self.control = Control(self.url, ready.management_key)
        self.database = Database(ready.database_url)

    def run(self, *arguments: str) -> str:
        """Run an `axonpush` command that joins the stack, and answer what it printed."""
        return processes.run(arguments, self.ready.env)

    def join(self, *arguments: str, env: Mapping[str, str] | None = None) -> Process:
        """Start one more process beside the stack's; the test stops it."""
        log = self.folder / f"{arguments[0]}-{secrets.token_hex(4)}.log"
        return Process(arguments, self.ready.env | dict(env or {}), log)

    def join_edge(self, *arguments: str, env: Mapping[str, str] | None = None) -> tuple[Process, str]:
        """Start one more edge beside the stack's, and answer it with its URL; the test stops it."""
        return start_edge(self.ready.env | dict(env or {}), self.folder, *arguments)

    @contextmanager
    def frozen(self, program: str) -> Generator[None]:
        """Suspend the stack's processes of a program (`java`, `postgres`): they stay connected and say nothing."""
        found = [each for each in self.process.family() if each.name() == program]
        assert found, f"The stack runs no {program}."
        for process in found:
            process.suspend()
        try:
            yield
        finally:
            for process in found:
                process.resume()

    def stats(self, app: str) -> dict[str, dict[str, int]]:
        """Answer what `axonpush stats --json` says about an app, by environment."""
        listed = json.loads(self.run("stats", "--json"))["environments"]
        return {each["environment"]: each for each in listed if each["app"] == app}

    def wait_until_stored(self, app: str, timeout_seconds: float = 60) -> dict[str, dict[str, int]]:
        """Wait until nothing of an app waits for storage any more: from then on its counts are final."""
        counted: dict[str, dict[str, int]] = {}

        def is_stored() -> bool:
            counted.update(self.stats(app))
            return bool(counted) and all(each["lag"] == 0 for each in counted.values())

        wait_until(is_stored, "everything is stored", timeout_seconds)
        return counted


def start(folder: Path, arguments: Sequence[str] = (), timeout_seconds: float = 90) -> Stack:
    """Run `axonpush up` on a data folder inside `folder`, and answer it once it accepts."""
    ready_file = folder / "ready.json"
    ready_file.unlink(missing_ok=True)
    command = ["up", "--data-dir", str(folder / "data"), "--port", "0", "--ready-file", str(ready_file), *arguments]
    process = Process(command, {}, folder / "up.log")
    try:
        process.wait_for_file(ready_file, timeout_seconds)
        return Stack(process, msgspec.json.decode(ready_file.read_bytes(), type=Ready), folder)
    except BaseException:
        process.stop()
        raise
