"""A caller of the control plane, without the edge: method, path and body in, status and object out."""

from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web
from msgspec import Struct, structs
from multidict import CIMultiDict, MultiMapping

from gateway.control.calling.handling import begin
from gateway.control.service import Service
from gateway.identity.credentials import control_key
from gateway.protocols.replies import Reply, problem
from schemas.errors import GatewayError

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
        encoded = body if isinstance(body, bytes) else msgspec.json.encode(body or {})
        return await self.raw(method, path, query, CIMultiDict(headers or {}), encoded)

    async def raw(
        self, method: str, path: str, query: Mapping[str, str], headers: MultiMapping[str], body: bytes
    ) -> Reply:
        """Make a call as it came, names that were sent twice included."""
        try:
            begun = await begin(self.service, method, path, authorization=self.key and f"Bearer {self.key}")
            return begun if isinstance(begun, Reply) else await begun.answer(query=query, headers=headers, body=body)
        except GatewayError as error:
            return problem(error)

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


async def answered(service: Service, request: web.BaseRequest) -> web.StreamResponse:
    """Answer a request over HTTP as its call does."""
    path = request.raw_path.partition("?")[0]
    caller = Api(service, control_key(request.headers))
    reply = await caller.raw(request.method, path, request.query, request.headers, await request.read())
    return web.Response(status=reply.status, headers=dict(reply.headers), body=reply.pieces or reply.body)
