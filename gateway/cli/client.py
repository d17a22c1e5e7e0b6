"""How commands talk to the control plane: calls over HTTP, and names instead of ids."""

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, BinaryIO, TypeVar, cast
from urllib.parse import quote, urlencode, urlsplit

import click
import msgspec

from gateway.cli.options import with_settings
from gateway.identity.tokens import parse
from gateway.runtime.settings import Control, Settings
from schemas.errors import ConfigError, GatewayError, NotFound, Unprocessable

_F = TypeVar("_F", bound=Callable[..., Any])
_CONNECTIONS: dict[str, type[HTTPConnection]] = {"http": HTTPConnection, "https": HTTPSConnection}
# Longer than the gateway may be told to wait.
_TIMEOUT_SECONDS = 40
_PIECE_BYTES = 1024 * 1024
_NO_CONTENT = 204
_FIRST_FAILURE = 400
# No slug has capitals.
_ULID = re.compile(r"(?=.*[A-Z])[0-9A-Z]{26}")
_NO_HEADERS: Mapping[str, str] = {}
Item = dict[str, Any]


class CallFailed(GatewayError):
    """The gateway refused a call, or could not be reached; the message says what to do.

    `problem` is what the gateway said, empty where it said nothing.
    """

    reason = "call_failed"

    def __init__(self, message: str, problem: Item | None = None) -> None:
        super().__init__(message)
        self.problem = problem or {}


class Client:
    """Calls one gateway with one management key."""

    def __init__(self, control: Control) -> None:
        """Check the settings.

        Raises:
            ConfigError: the URL or the key is missing or has not its form.
        """
        if not control.url or not control.management_key:
            missing = "control.management_key" if control.url else "control.url"
            variable = f"AXONPUSH_{missing.replace('.', '_').upper()}"
            raise ConfigError(f"{missing} is not set. Set {variable}, or start a gateway here with `axonpush up`.")
        try:
            self._url = urlsplit(control.url)
            is_usable = self._url.scheme in _CONNECTIONS and self._url.hostname and self._url.port != 0
        except ValueError:
            is_usable = False
        if not is_usable:
            raise ConfigError(f"control.url is {control.url!r}; it takes http://host:port or https://host.")
        if parse(control.management_key) is None:
            raise ConfigError(
                "control.management_key is no key: it begins with mk_, and its check digits must be right. "
                "Copy the whole key again."
            )
        self._key = control.management_key

    def call(self, method: str, path: str, body: Item | None = None, headers: Mapping[str, str] = _NO_HEADERS) -> Item:
        """Make one call and answer its object, an empty one where there is no answer.

        Raises:
            CallFailed: the gateway refused, or cannot be reached.
        """
        with self._asking(method, path, body, headers) as response:
            data = response.read()
        answer = {} if response.status == _NO_CONTENT else _object_of(data)
        if response.status >= _FIRST_FAILURE or answer is None:
            raise _refusal(response, answer)
        return answer

    def download(self, path: str, file: BinaryIO) -> int:
        """Write what a path answers to a file, and answer how many bytes that are.

        Raises:
            CallFailed: the gateway refused, cannot be reached, or did not send all of it.
        """
        size_bytes = 0
        with self._asking("GET", path, None, _NO_HEADERS) as response:
            if response.status >= _FIRST_FAILURE:
                raise _refusal(response, _object_of(response.read()))
            while piece := response.read(_PIECE_BYTES):
                size_bytes += _write(file, piece)
        if size_bytes != int(response.headers["Content-Length"]):
            raise CallFailed(f"The gateway sent {size_bytes} bytes, and not all of them. Try again.")
        return size_bytes

    @contextmanager
    def _asking(self, method: str, path: str, body: Item | None, headers: Mapping[str, str]) -> Generator[HTTPResponse]:
        """Send a request, and give the answer to be read."""
        connect = _CONNECTIONS[self._url.scheme]
        try:
            connection = connect(cast("str", self._url.hostname), self._url.port, timeout=_TIMEOUT_SECONDS)
            own = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
            connection.request(
                method,
                self._url.path.rstrip("/") + path,
                body=None if body is None else msgspec.json.encode(body),
                headers={**headers, **own},
            )
            yield connection.getresponse()
            connection.close()
        except (OSError, HTTPException, UnicodeError) as error:
            raise CallFailed(
                f"The gateway at {self._url.geturl()} cannot be reached ({error}). Is it running? "
                "AXONPUSH_CONTROL_URL says where it is."
            ) from error

    def items(self, path: str, **query: str | None) -> list[Item]:
        """Answer a whole list, page by page; raises as `call`."""
        items: list[Item] = []
        asked = {name: value for name, value in query.items() if value is not None}
        while True:
            page = self.call("GET", f"{path}?{urlencode({'limit': '1000', **asked})}")
            items += page["items"]
            if page["next"] is None:
                return items
            asked["after"] = page["next"]

    def app(self, name: str | None) -> Item:
        """Find an app by slug or id; without a name the only one that there is.

        Raises:
            NotFound: there is none of this name.
            Unprocessable: no name, and several apps.
        """
        apps = self.items("/apps")
        if name is None:
            if len(apps) != 1:
                slugs = ", ".join(app["slug"] for app in apps)
                raise Unprocessable(f"There are {len(apps)} apps: {slugs or 'none'}. Say which one with --app.")
            return apps[0]
        return chosen(apps, name, "app")

    def environment_of(self, app_name: str | None, name: str) -> Item:
        """Find an environment by its id, or else by its slug in an app; raises as `app` and `call`."""
        if _ULID.fullmatch(name):
            return self.call("GET", f"/environments/{name}")
        return self.environment(self.app(app_name), name)

    def environment(self, app: Item, name: str) -> Item:
        """Find an environment of an app by slug or id; raises as `chosen`."""
        return chosen(self.items(f"/apps/{app['id']}/environments"), name, "environment")

    def channel(self, app: Item, name: str) -> Item:
        """Find a channel of an app by slug or number; raises as `chosen`."""
        return chosen(self.items(f"/apps/{app['id']}/channels"), name, "channel")


app_option = click.option(
    "--app", "app_name", metavar="APP", help="Slug or id of the app; not needed where there is only one."
)


def chosen(items: Sequence[Item], name: str, what: str, *, by: str = "slug") -> Item:
    """Find an item by its id or else its slug, or another field.

    Raises:
        NotFound: there is none; the message lists those that there are.
    """
    for field in ("id", by):
        for item in items:
            if str(item[field]) == name:
                return item
    slugs = ", ".join(item[by] for item in items)
    raise NotFound(f"There is no {what} {name!r}. Those that there are: {slugs or 'none'}.")


def segment(text: str) -> str:
    """Write a text as one segment of a path."""
    return quote(text, safe="")


def given(**fields: object) -> Item:
    """Make a request body of the options that were given."""
    return {name: value for name, value in fields.items() if value is not None}


def with_client(function: _F) -> _F:
    """Give a command `client` and `as_json` as keyword arguments, and the options that they need."""

    @wraps(function)
    def command(*, settings: Settings, **arguments: Any) -> Any:  # noqa: ANN401 (as the function says)
        return function(client=Client(settings.control), **arguments)

    decorated: Any = with_settings("control")(command)
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, as the gateway answered it.")(decorated)


def _write(file: BinaryIO, piece: bytes) -> int:
    try:
        return file.write(piece)
    except OSError as error:
        raise CallFailed(f"The file cannot be written: {error}.") from error


def _refusal(response: HTTPResponse, answer: Item | None) -> CallFailed:
    detail = (answer or {}).get("detail") or f"{response.status} {response.reason}, and no explanation."
    return CallFailed(f"The gateway refused: {detail}", answer)


def _object_of(data: bytes) -> Item | None:
    try:
        return msgspec.json.decode(data, type=Item)
    except (msgspec.DecodeError, UnicodeError):
        return None
