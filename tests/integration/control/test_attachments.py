"""Reading attachments: byte for byte, by whoever may see events whole, and as nothing that a browser would run."""

import random
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.protocols.replies import Reply
from gateway.query.redaction import MASK
from tests.integration.control.api import Api, Item
from tests.integration.control.cli import Cli
from tests.integration.query.archive import Archive, when
from tests.unit.rows.envelopes import EVENT_ID, envelope, item

HOUR = {"from": when(-1800).isoformat(), "to": when(1800).isoformat()}
CORE = random.Random(5).randbytes(3_000_001)  # noqa: S311 (the same bytes in every run)
META = {"meta_length": 12}
TRACE = {"trace_id": "a" * 32, "sample_rate": "0.5"}
NAME = 'ä"\r\nX: y/../core.dmp'


@pytest.fixture(scope="module")
async def shop(api: Api, archive: Archive) -> dict[str, Item]:
    """Make an app whose environments have attachments: a large one, a small one, and one that is not whole yet."""
    _, environments = await api.app("Shop with files")
    for environment in environments.values():
        core = item(
            "attachment", CORE, filename=NAME, content_type="text/html", attachment_type="event.minidump", **META
        )
        whole = envelope(item("event", {}), core, item("attachment", b""), event_id=EVENT_ID, trace=TRACE)
        await archive.store(environment["id"], whole)
        piece = replace(envelope(item("profile", b"half of it")), chunk=0, item_bytes=20, item=7)
        await archive.store(environment["id"], piece, seconds=1)
    return environments


async def bytes_of(reply: Reply) -> bytes:
    assert reply.pieces is not None
    return b"".join([piece async for piece in reply.pieces])


async def listed(caller: Api, environment: Item, **query: str) -> list[Item]:
    """List the attachments of the hour in which they were stored."""
    return (await caller.got(f"/environments/{environment['id']}/attachments", **HOUR, **query))["items"]


def path_of(environment: Item, found: Item) -> str:
    return f"/environments/{environment['id']}/attachments/{found['ingestId']}/{found['item']}"


async def caller(api: Api, role: str) -> Api:
    """Make a caller with a role in the organization."""
    key = await api.made("/management-keys", {"role": role})
    return Api(api.service, key["key"])


@pytest.mark.clause("Sentry 5b", "Sentry b11")
async def test_an_attachment_is_read_back_byte_for_byte(api: Api, shop: dict[str, Item]) -> None:
    profile, empty, core = await listed(api, shop["production"])
    assert (profile["type"], profile["item"], profile["sizeBytes"], profile["complete"]) == ("profile", 7, 20, False)
    assert (empty["type"], empty["item"], empty["sizeBytes"], empty["complete"]) == ("attachment", 2, 0, True)
    assert core == {
        "receivedAt": core["receivedAt"],
        "channelId": 7,
        "ingestId": empty["ingestId"],
        "item": 1,
        "eventId": EVENT_ID,
        "type": "attachment",
        "attachmentType": "event.minidump",
        "filename": NAME,
        "contentType": "text/html",
        "sizeBytes": len(CORE),
        "complete": True,
        "headers": META,
        "envelopeHeaders": {"trace": TRACE},
    }
    assert (empty["headers"], empty["envelopeHeaders"]) == (None, {"trace": TRACE})
    assert (profile["headers"], profile["envelopeHeaders"]) == (None, None)
    reply = await api.reply("GET", path_of(shop["production"], core))
    assert reply.status == 200
    headers = dict(reply.headers)
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Length"] == str(len(CORE))
    assert headers["Content-Disposition"] == (
        "attachment; filename=\"_X_y_.._core.dmp\"; filename*=UTF-8''%C3%A4%22%0D%0AX%3A%20y%2F..%2Fcore.dmp"
    )
    assert await bytes_of(reply) == CORE
    assert await bytes_of(await api.reply("GET", path_of(shop["production"], empty))) == b""


@pytest.mark.parametrize(
    ("role", "slug", "is_whole"),
    [
        ("admin", "production", True),
        ("developer", "production", False),
        ("developer", "development", True),
        ("agent", "production", False),
        ("agent", "development", False),
    ],
)
async def test_the_role_decides_who_may_have_the_bytes(
    api: Api, shop: dict[str, Item], role: str, slug: str, is_whole: bool
) -> None:
    reader = await caller(api, role)
    *_, core = await listed(reader, shop[slug])
    assert core["filename"] == (NAME if is_whole else MASK)
    assert core["headers"] == (META if is_whole else {"meta_length": MASK})
    assert core["envelopeHeaders"] == {"trace": TRACE if is_whole else MASK}
    assert (await reader.reply("GET", path_of(shop[slug], core))).status == (200 if is_whole else 403)


async def test_what_is_not_there_or_not_whole_is_told(api: Api, shop: dict[str, Item]) -> None:
    environment = shop["production"]
    profile, _, core = await listed(api, environment)
    status, problem = await api.call("GET", path_of(environment, profile))
    assert (status, problem["detail"]) == (
        409,
        "Of this attachment's 20 bytes 10 are stored so far; try again shortly.",
    )
    for missing in (
        {**core, "item": 9},
        {**core, "item": 999999999},
        {**core, "item": "x"},
        {**core, "ingestId": "ab"},
    ):
        assert (await api.call("GET", path_of(environment, missing)))[0] == 404
    assert (await api.call("GET", path_of(shop["development"], core)))[0] == 404


async def test_lists_have_pages_and_can_be_narrowed(api: Api, shop: dict[str, Item]) -> None:
    environment = shop["production"]
    everything = await listed(api, environment)
    pages: list[Item] = []
    after: dict[str, str] = {}
    for _ in everything:
        page = await api.got(f"/environments/{environment['id']}/attachments", **HOUR, limit="1", **after)
        pages += page["items"]
        after = {"after": page["next"]}
    assert after == {"after": None}
    assert pages == everything
    assert [each["item"] for each in await listed(api, environment, eventId=EVENT_ID)] == [2, 1]
    assert await listed(api, environment, eventId="0" * 32) == []
    path = f"/environments/{environment['id']}/attachments"
    for query in (
        *({"after": "x"}, {"after": "WzEsMl0"}, {"eventId": "x"}, {"limit": "0"}),
        {"from": when(1800).isoformat(), "to": when(-1800).isoformat()},
    ):
        assert (await api.call("GET", path, None, None, **query))[0] == 422


async def test_an_item_among_events_says_the_size_of_its_payload_wherever_that_stands(
    api: Api, shop: dict[str, Item]
) -> None:
    found = await api.got(f"/environments/{shop['production']['id']}/events", **HOUR, kind="item")
    assert [(each["type"], each["payloadSizeBytes"]) for each in found["items"]] == [("profile", 20)]


async def test_the_command_line_writes_the_bytes_to_a_file(
    api: Api, cli: Cli, shop: dict[str, Item], tmp_path: Path
) -> None:
    *_, core = await listed(api, shop["production"])
    output = tmp_path / "core.dmp"
    target = f"{core['ingestId']} {core['item']} --env {shop['production']['id']}"
    await cli.run(*f"attachment get {target} --output {output}".split())
    assert output.read_bytes() == CORE
