"""The query of a call: what it does not know, and what is sent twice, is refused by name, whatever the method."""

import pytest
from aiohttp import ClientSession

from gateway.control.calling.call import Call
from gateway.control.calling.calls import CALLS
from tests.integration.control.api import Api
from tests.integration.control.test_matrix import name_of


@pytest.mark.parametrize("call", CALLS, ids=name_of)
async def test_an_unknown_parameter_is_named(api: Api, call: Call) -> None:
    path = call.pattern.format(id="x", ref="x", traceId="ab" * 16, ingestId="ab" * 16, item=0)
    status, problem = await api.call(call.method, path, None, None, nowhere="1")
    assert (status, "`nowhere`" in problem["detail"]) == (422, True), problem


async def test_a_parameter_that_is_sent_twice_is_named(api: Api, url: str) -> None:
    async with (
        ClientSession(url, headers={"Authorization": f"Bearer {api.key}"}) as session,
        session.get("/apps?limit=1&limit=2") as answer,
    ):
        assert answer.status == 422
        assert "`limit`" in (await answer.json(content_type=None))["detail"]
