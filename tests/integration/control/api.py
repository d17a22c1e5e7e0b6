"""A caller of the control plane, without HTTP: method, path and body in, status and object out."""

from typing import Any

import msgspec
from msgspec import Struct, structs

from gateway.control.calling.calls import match
from gateway.control.calling.handling import handle
from gateway.control.service import Service
from gateway.protocols.replies import Reply

Item = dict[str, Any]
# What one environment has beside its fields as long as nothing was sent to it.
UNUSED: Item = {"mismatches": {"events": 0, "lastAt": None}}


class Api(Struct, frozen=True):
    """Calls one service with one key."""

    service: Service
    key: str | None

    async def reply(
        self,
        method: str,
        path: str,
        body: Item | bytes | None = None,
        headers: dict[str, str] | None = None,
        **query: str,
    ) -> Reply:
        """Make a call and answer the reply as the edge gets it."""
        call, params = match(method, path)
        return await handle(
            self.service,
            call,
            params,
            authorization=self.key and f"Bearer {self.key}",
            query=query,
            headers=headers or {},
            body=body if isinstance(body, bytes) else msgspec.json.encode(body or {}),
        )

    async def call(
        self,
        method: str,
        path: str,
        body: Item | bytes | None = None,
        headers: dict[str, str] | None = None,
        **query: str,
    ) -> tuple[int, Item]:
        """Make a call and answer status and object, an empty one where there is no answer."""
        reply = await self.reply(method, path, body, headers, **query)
        return reply.status, msgspec.json.decode(reply.body) if reply.body else {}

    async def confirmed(
        self, method: str, path: str, body: Item | bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Item]:
        """Make a destructive call, and make it again as its first answer says."""
        status, problem = await self.call(method, path, body, headers)
        assert status == 428, problem
        confirm = {"X-Confirm": problem["confirm"], "X-Confirm-Challenge": problem["challenge"]}
        return await self.call(method, path, body, {**(headers or {}), **confirm})

    def later(self, seconds: float) -> "Api":
        """Answer the same caller, so many seconds later."""
        clock = self.service.clock
        return structs.replace(
            self, service=structs.replace(self.service, clock=lambda: clock() + round(seconds * 1_000_000_000))
        )

    async def made(self, path: str, body: Item) -> Item:
        """Create something and answer it."""
        status, item = await self.call("POST", path, body)
        assert status == 201, item
        return item

    async def got(self, path: str, **query: str) -> Item:
        """Read something that exists."""
        status, item = await self.call("GET", path, None, None, **query)
        assert status == 200, item
        return item

    async def app(self, name: str) -> tuple[Item, dict[str, Item]]:
        """Create an app and answer it with its environments by slug."""
        app = await self.made("/apps", {"name": name})
        environments = await self.got(f"/apps/{app['id']}/environments")
        return app, {each["slug"]: each for each in environments["items"]}
