"""Idempotency keys: a repeated POST is answered as it was and changes nothing more; no dump opens what was kept."""

import asyncio

import asyncpg
import pytest
from msgspec import structs

from gateway.identity.tokens import Peppers
from tests.integration.control.api import Api


def key(text: str) -> dict[str, str]:
    return {"Idempotency-Key": text}


async def test_a_repeat_is_answered_as_the_first_secret_included(api: Api) -> None:
    app, _ = await api.app("Repeating")
    body = {"appId": app["id"]}
    first = await api.reply("POST", "/api-keys", body, key("one"))
    assert first.status == 201
    assert await api.reply("POST", "/api-keys", body, key("one")) == first
    assert await api.reply("POST", "/api-keys", body, key("two")) != first
    assert len((await api.got("/api-keys", appId=app["id"]))["items"]) == 2


async def test_another_call_with_the_same_key_is_refused(api: Api) -> None:
    app, _ = await api.app("Reusing")
    path = f"/apps/{app['id']}/channels"
    assert (await api.call("POST", path, {"name": "One"}, key("reused")))[0] == 201
    for asked, body in ((path, {"name": "Two"}), ("/apps", {"name": "One"})):
        status, problem = await api.call("POST", asked, body, key("reused"))
        assert (status, problem["type"]) == (422, "urn:axonpush:error:idempotency_key_reused")


async def test_of_many_at_once_one_is_made(api: Api) -> None:
    app, _ = await api.app("Repeated at once")
    answers = await asyncio.gather(
        *(api.reply("POST", "/api-keys", {"appId": app["id"]}, key("at once")) for _ in range(2)),
        *(api.reply("POST", "/api-keys", {"appId": app["id"]}, key("at-once")) for _ in range(6)),
    )
    assert [reply.status for reply in answers[:2]] == [400, 400]  # a blank is no part of a key
    assert {reply.status for reply in answers[2:]} == {201}
    assert len({reply.body for reply in answers[2:]}) == 1
    assert len((await api.got("/api-keys", appId=app["id"]))["items"]) == 1


async def test_what_failed_may_be_tried_again(api: Api) -> None:
    app, _ = await api.app("Failing")
    path = f"/apps/{app['id']}/environments"
    assert (await api.call("POST", path, {"slug": "x", "tier": "moon"}, key("failed")))[0] == 422
    assert (await api.call("POST", path, {"slug": "x"}, key("failed")))[0] == 201


async def test_a_confirmed_call_is_repeated_without_another_confirmation(api: Api) -> None:
    _, found = await api.app("Confirmed once")
    path = f"/environments/{found['production']['id']}/wipe"
    status, wiped = await api.confirmed("POST", path, None, key("wipe"))
    assert status == 200
    assert await api.call("POST", path, None, key("wipe")) == (200, wiped)


async def test_callers_do_not_share_keys(api: Api) -> None:
    app, _ = await api.app("Callers' keys")
    somebody = Api(api.service, (await api.made("/management-keys", {"role": "admin"}))["key"])
    path = f"/apps/{app['id']}/channels"
    assert (await api.call("POST", path, {"name": "Mine"}, key("shared")))[0] == 201
    assert (await somebody.call("POST", path, {"name": "Theirs"}, key("shared")))[0] == 201


async def test_the_database_holds_no_key_that_was_answered(api: Api, database_url: str) -> None:
    app, _ = await api.app("Sealed")
    made = await api.reply("POST", "/api-keys", {"appId": app["id"]}, key("sealed-1"))
    connection = await asyncpg.connect(database_url)
    rows = await connection.fetch("SELECT key_digest, answer FROM idempotency")
    await connection.close()
    assert rows
    for row in rows:
        assert b"ak_prod_" not in row["answer"]
        assert b"sealed-1" not in row["key_digest"]
    later = structs.replace(api, service=structs.replace(api.service, peppers=Peppers(2, {2: b"q" * 32})))
    # Without the pepper not even we can open it (the caller's own key is gone with it).
    assert (await later.reply("POST", "/api-keys", {"appId": app["id"]}, key("sealed-1"))).status == 401
    assert made.status == 201


@pytest.mark.parametrize("text", ["", " ", "a b", "x" * 256, "schlüssel"])
async def test_a_key_has_a_form(api: Api, text: str) -> None:
    assert (await api.call("POST", "/apps", {"name": "Never"}, key(text)))[0] == 400
