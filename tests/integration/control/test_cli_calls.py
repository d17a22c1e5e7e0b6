"""Every call has a command: all of them are run against the control plane, and the calls that arrive are compared."""

import asyncio
import json
from collections.abc import AsyncIterator
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer
from click.testing import CliRunner
from msgspec import Struct, structs

from gateway.cli.client import CallFailed
from gateway.cli.main import COMMANDS, group
from gateway.control.calling.calls import CALLS, match
from gateway.control.seed import Seeded
from gateway.control.service import Service
from tests.integration.control.api import answered

LATER = "2090-01-01T00:00:00Z"


class Cli(Struct, frozen=True):
    """Runs commands in this process, and knows the calls that arrived."""

    env: dict[str, str]
    calls: set[str]

    async def __call__(self, line: str, *more: str) -> Any:
        """Run a command that succeeds, and answer its JSON."""
        runner = CliRunner()
        arguments = [*line.split(), *more, "--json"]
        ran = await asyncio.to_thread(runner.invoke, group, arguments, env=self.env, catch_exceptions=False)
        assert ran.exit_code == 0, f"{line}: {ran.output}"
        return json.loads(ran.stdout)


@pytest.fixture(scope="module")
async def cli(service: Service, seeded: Seeded) -> AsyncIterator[Cli]:
    """Serve the control plane over HTTP, and write down which of its calls arrive."""
    calls: set[str] = set()

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        response = await answered(service, request)
        calls.add(f"{request.method} {match(request.method, request.raw_path.partition('?')[0])[0].pattern}")
        return response

    server = RawTestServer(handle)
    await server.start_server()
    env = {
        "AXONPUSH_CONTROL_URL": str(server.make_url("/")),
        "AXONPUSH_CONTROL_MANAGEMENT_KEY": seeded.secrets.management_key,
    }
    yield Cli(env, calls)
    await server.close()


async def use_environments(cli: Cli) -> None:
    for line in (
        "env create staging --app shop",
        "env list --app shop",
        "env show staging --app shop",
        "env update staging --app shop --name Stage",
        "env clone staging copy --app shop",
        "env pause copy --app shop",
        "env resume copy --app shop",
        "env archive copy --app shop",
        "env restore copy --app shop",
        "env policy copy --app shop",
        "env policy copy --app shop --monthly-requests 10",
        "env usage copy --app shop",
        "env rejections copy --app shop",
        "events --env copy --app shop",
        f"trace {'ab' * 16} --env copy --app shop",
        "attachment list --env copy --app shop",
        "env wipe copy --app shop",
        f"env create preview --app shop --expires-at {LATER}",
        "env extend preview --app shop --ttl 1d",
        "env preview upsert acme/shop#42 --ttl 2d --app shop",
        "env preview delete acme/shop#42 --app shop",
        "env delete copy --app shop",
    ):
        await cli(line)


def files_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def use_keys(cli: Cli, tmp_path: Path) -> None:
    key = (await cli("key create --app shop --environment staging"))["id"]
    # There is none; tests/integration/control/test_attachments.py gets one.
    with pytest.raises(CallFailed, match="has no attachment"):
        await cli(f"attachment get {'ab' * 16} 0 --env staging --app shop --output {tmp_path / 'file'}")
    assert files_in(tmp_path) == []
    for line in ("key list --app shop", f"key show {key}", f"key update {key} --name renamed", f"key rotate {key}"):
        await cli(line)
    await cli(f"key revoke {key}")
    token = (await cli("token create --app shop --environment staging"))["id"]
    for line in ("token list --app shop", f"token show {token}", f"token update {token} --name renamed"):
        await cli(line)
    await cli(f"token rotate {token}")
    await cli(f"token revoke {token}")
    mk = (await cli("mk create --role agent"))["id"]
    for line in ("mk list", f"mk show {mk}", f"mk revoke {mk}", "whoami"):
        await cli(line)


async def use_people(cli: Cli) -> None:
    for line in (
        "member add ann@shop.example --name Ann",
        "member list",
        "member show ann@shop.example",
        "member update ann@shop.example --name Anna",
        "role create careful --base developer --without data.wipe",
        "role list",
        "role show careful",
        "role bindings",
    ):
        await cli(line)
    binding = await cli("role bind careful --member ann@shop.example")
    await cli(f"role unbind {binding['id']}")
    await cli("role delete careful")
    await cli("member remove ann@shop.example")
    await cli("audit list")
    await cli("audit verify")


async def use_approvals(cli: Cli) -> None:
    key = (await cli("mk create --role agent --app shop"))["key"]
    agent = structs.replace(cli, env={**cli.env, "AXONPUSH_CONTROL_MANAGEMENT_KEY": key})
    ids = [
        (await agent(f"approval ask environment.wipe --environment staging --app shop --reason {reason}"))["id"]
        for reason in ("first", "second")
    ]
    assert [each["id"] for each in (await cli("approval list --state pending"))["items"]] == ids
    assert (await cli(f"approval approve {ids[0]} --reason fine"))["decisionReason"] == "fine"
    assert (await cli(f"approval reject {ids[1]}"))["state"] == "rejected"
    await agent(f"env wipe staging --app shop --approval {ids[0]}")
    assert (await agent(f"approval show {ids[0]}"))["state"] == "used"


async def test_every_call_has_a_command(cli: Cli, tmp_path: Path) -> None:
    await cli("app create Shop")
    await cli("app list")
    await cli("app show shop")
    await cli("app update shop", "--name", "Our shop")
    await use_environments(cli)
    await use_keys(cli, tmp_path)
    await use_people(cli)
    await cli("channel create Backend --app shop")
    await cli("channel list --app shop")
    await cli("channel show backend --app shop")
    await cli("channel update backend --app shop --name Back")
    await cli("channel delete backend --app shop --confirm backend")
    await cli("tier list")
    await use_approvals(cli)
    await cli("env default staging --app shop")
    await cli("app delete shop --confirm shop")
    assert {f"{call.method} {call.pattern}" for call in CALLS} == cli.calls


def commands(command: click.Command, name: str) -> list[tuple[str, click.Command]]:
    """Answer all commands below one, with their names."""
    if not isinstance(command, click.Group):
        return [(name, command)]
    return [found for each, below in command.commands.items() for found in commands(below, f"{name} {each}")]


LEAVES = [found for name in COMMANDS for found in commands(import_module(f"gateway.cli.{name}").command, name)]
CALLING = [(name, command) for name, command in LEAVES if any(p.name == "control_url" for p in command.params)]


@pytest.mark.parametrize("command", [c for _, c in CALLING], ids=[name for name, _ in CALLING])
def test_every_command_that_calls_prints_json_if_it_is_told_to(command: click.Command) -> None:
    assert "--json" in [option for parameter in command.params for option in parameter.opts]


@pytest.mark.parametrize("name", [name for name, _ in LEAVES])
def test_every_command_explains_itself(name: str) -> None:
    ran = CliRunner().invoke(group, [*name.split(), "--help"], prog_name="axonpush")
    assert ran.exit_code == 0
    assert ran.output.startswith(f"Usage: axonpush {name} ")
    assert f"axonpush {name}" in ran.output.partition("\n")[2]  # an example
