"""A running gateway against the description of its interface: every call, with requests right and wrong.

No status that the description does not name, no server error, no body or header of another form. Requests are made by
schemathesis; those that name an object name one that exists now and then, or nothing would ever succeed.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gateway.control.calling.calls import CALLS
from gateway.control.calling.openapi import write
from tests.acceptance.sending import send
from tests.acceptance.stack import App, Control
from tests.integration.edge.world import World

DOCUMENT = write(CALLS)
EXAMPLES_MAX_COUNT = 4
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# A topic of a thousand partitions would test Kafka, and for long.
PARTITIONS_MAX_COUNT = 2

schema = schemathesis.openapi.from_dict(json.loads(DOCUMENT))
answered: dict[str, set[int]] = defaultdict(set)


class Aim:
    """Makes requests name what exists: one object of its own for each call."""

    def __init__(self, world: World) -> None:
        self.app: App = world.control.app()
        self._world = world
        self._ids: dict[str, str] = {}
        self._seen: Counter[str] = Counter()
        # What hardly any request says by chance.
        self._good: dict[str, Callable[[], dict[str, Any]]] = {
            "POST /role-bindings": self._bound,
            "POST /management-keys": lambda: {"role": "agent"},
            "PATCH /environments/{id}": lambda: {"name": "Renamed"},
            "POST /approvals": self._asked,
        }
        self._made: dict[str, Callable[[], str]] = {
            "apps": lambda: world.control.app().id,
            "channels": lambda: str(self._post(f"/apps/{self.app.id}/channels", {"name": f"C {len(self._ids)}"})),
            "api-keys": lambda: self.app.made_key()["id"],
            "public-tokens": lambda: self._post("/public-tokens", self._token()),
            "members": lambda: self._post("/members", {"email": f"m{len(self._ids)}@shop.example", "name": "M"}),
            "roles": self._role,
            "role-bindings": self._binding,
            "management-keys": lambda: self._post("/management-keys", {"role": "agent"}),
            "approvals": lambda: Control(world.control.url, self._agent).post("/approvals", self._asked())["id"],
        }
        self._agent: str = world.control.post("/management-keys", {"role": "agent"})["key"]

    def key_of(self, label: str) -> str:
        """Answer the key to make a call with: an administrator needs no approvals."""
        return self._agent if label == "POST /approvals" else self._world.control.management_key

    def take(self, case: Case[Any]) -> None:
        """Change a request, three of four times, to one about something that exists."""
        label = case.operation.label
        self._seen[label] += 1
        turn = self._seen[label] % 4
        body: Any = case.body
        if isinstance(body, dict) and isinstance(body.get("partitions"), int):
            body["partitions"] = min(body["partitions"], PARTITIONS_MAX_COUNT)
        if turn == 0:
            return
        if turn > 1 and label in self._good:
            case.body = self._good[label]()
            for name in ("If-Match", "Idempotency-Key"):
                case.headers.pop(name, None)
        if "id" in (case.path_parameters or {}):
            kind = case.operation.path.split("/")[1]
            if label not in self._ids:
                self._ids[label] = self._environment(label) if kind == "environments" else self._made[kind]()
            case.path_parameters["id"] = self._ids[label]
        known = {
            "appId": self.app.id,
            "environmentId": self.app.environments["development"],
            "channelId": self.app.channel,
        }
        for given in (case.body, case.query):
            if isinstance(given, dict):
                given.update({name: value for name, value in known.items() if name in given})

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        return self._world.control.post(path, body)["id"]

    def _token(self) -> dict[str, Any]:
        return {"channelId": self.app.channel, "environmentId": self.app.environments["development"]}

    def _role(self) -> str:
        slug = f"role-{len(self._ids)}"
        self._world.control.post("/roles", {"slug": slug, "name": "R", "base": "agent", "without": ["audit.read"]})
        return slug

    def _binding(self) -> str:
        return self._post("/role-bindings", self._bound())

    def _bound(self) -> dict[str, Any]:
        return {"managementKeyId": self._made["management-keys"](), "role": "developer", "scope": "organization"}

    def _asked(self) -> dict[str, Any]:
        environment_id = self.app.environments["development"]
        return {"action": "environment.wipe", "environmentId": environment_id, "reason": "Because."}

    def _environment(self, label: str) -> str:
        fields = {"expiresAt": "2090-01-01T00:00:00Z"} if label.endswith("/extend") else {}
        return self.app.environment(f"env-{len(self._ids)}", **fields)


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    """Keep one connection: there are thousands of requests."""
    with requests.Session() as session:
        yield session


@pytest.fixture(scope="module")
def aim(world: World) -> Aim:
    """Make what requests are aimed at."""
    return Aim(world)


def test_the_gateway_describes_itself_to_everybody(world: World) -> None:
    answer = send(f"{world.url}/openapi.json", method="GET")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.body == DOCUMENT


@schema.parametrize()  # pyright: ignore[reportUntypedFunctionDecorator] (schemathesis types it as any callable)
@settings(
    max_examples=EXAMPLES_MAX_COUNT,
    phases=[Phase.explicit, Phase.generate],
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
def test_a_call_answers_as_it_is_described(world: World, session: requests.Session, aim: Aim, case: Case[Any]) -> None:
    aim.take(case)
    headers = {"Authorization": f"Bearer {aim.key_of(case.operation.label)}"}
    response = case.call(base_url=world.url, headers=headers, session=session)
    answered[case.operation.label].add(response.status_code)
    case.validate_response(response, checks=CHECKS)


def test_the_requests_were_good_for_something() -> None:
    """Without this a key that was revoked on the way would make all of them 401, as it is described."""
    done = {*range(200, 300), 428}
    # No worker runs here, and so there is no file; tests/integration/control/test_attachments.py reads some.
    of_files = {f"{call.method} {call.pattern}" for call in CALLS if call.is_file}
    failed = {label for label, statuses in answered.items() if not statuses & done} - of_files
    assert not failed
    assert not {label for label, statuses in answered.items() if 401 in statuses}
