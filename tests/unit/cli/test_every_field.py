"""Every call has its command, and every field of its body and query a flag or an argument there."""

from importlib import import_module

import click
import pytest

from gateway.cli.main import COMMANDS
from gateway.control.calling.call import Call
from gateway.control.calling.calls import CALLS
from gateway.control.types import Input, PageQuery

COMMAND_OF = {
    "POST /apps": "app create",
    "GET /apps": "app list",
    "GET /apps/{id}": "app show",
    "PATCH /apps/{id}": "app update",
    "DELETE /apps/{id}": "app delete",
    "POST /apps/{id}/environments": "env create",
    "GET /apps/{id}/environments": "env list",
    "PUT /apps/{id}/environments/by-ref/{ref}": "env preview upsert",
    "DELETE /apps/{id}/environments/by-ref/{ref}": "env preview delete",
    "GET /environments/{id}": "env show",
    "PATCH /environments/{id}": "env update",
    "DELETE /environments/{id}": "env delete",
    "POST /environments/{id}/clone": "env clone",
    "POST /environments/{id}/make-default": "env default",
    "POST /environments/{id}/pause": "env pause",
    "POST /environments/{id}/resume": "env resume",
    "POST /environments/{id}/archive": "env archive",
    "POST /environments/{id}/restore": "env restore",
    "POST /environments/{id}/extend": "env extend",
    "POST /environments/{id}/wipe": "env wipe",
    "GET /environments/{id}/events": "events",
    "GET /environments/{id}/traces/{traceId}": "trace",
    "GET /environments/{id}/attachments": "attachment list",
    "GET /environments/{id}/attachments/{ingestId}/{item}": "attachment get",
    "GET /environments/{id}/rejections": "env rejections",
    "GET /environments/{id}/policy": "env policy",
    "PATCH /environments/{id}/policy": "env policy",
    "GET /environments/{id}/usage": "env usage",
    "POST /apps/{id}/channels": "channel create",
    "GET /apps/{id}/channels": "channel list",
    "GET /channels/{id}": "channel show",
    "PATCH /channels/{id}": "channel update",
    "DELETE /channels/{id}": "channel delete",
    "POST /api-keys": "key create",
    "GET /api-keys": "key list",
    "GET /api-keys/{id}": "key show",
    "PATCH /api-keys/{id}": "key update",
    "POST /api-keys/{id}/revoke": "key revoke",
    "POST /api-keys/{id}/rotate": "key rotate",
    "POST /public-tokens": "token create",
    "GET /public-tokens": "token list",
    "GET /public-tokens/{id}": "token show",
    "PATCH /public-tokens/{id}": "token update",
    "POST /public-tokens/{id}/revoke": "token revoke",
    "POST /public-tokens/{id}/rotate": "token rotate",
    "POST /members": "member add",
    "GET /members": "member list",
    "GET /members/{id}": "member show",
    "PATCH /members/{id}": "member update",
    "DELETE /members/{id}": "member remove",
    "POST /roles": "role create",
    "GET /roles": "role list",
    "GET /roles/{id}": "role show",
    "DELETE /roles/{id}": "role delete",
    "POST /role-bindings": "role bind",
    "GET /role-bindings": "role bindings",
    "DELETE /role-bindings/{id}": "role unbind",
    "POST /management-keys": "mk create",
    "GET /management-keys": "mk list",
    "GET /management-keys/{id}": "mk show",
    "POST /management-keys/{id}/revoke": "mk revoke",
    "POST /approvals": "approval ask",
    "GET /approvals": "approval list",
    "GET /approvals/{id}": "approval show",
    "POST /approvals/{id}/approve": "approval approve",
    "POST /approvals/{id}/reject": "approval reject",
    "GET /tiers": "tier list",
    "GET /whoami": "whoami",
    "GET /audit": "audit list",
    "GET /audit/head": "audit verify",
}
# Where a flag is not called like its field.
FLAGS_OF = {
    "appId": ("--app",),
    "environmentId": ("--environment",),
    "channelId": ("--channel",),
    "defaultChannelId": ("--default-channel",),
    "keyId": ("--key",),
    "credentialId": ("--key",),
    "memberId": ("--member",),
    "managementKeyId": ("--management-key",),
    "traceId": ("--trace",),
    "eventId": ("--event",),
    "isProduction": ("--production",),
    "deleteProtected": ("--protect",),
    "requireConfirmationForDestructive": ("--require-confirmation",),
    # An environment that expires is ephemeral, and no other.
    "isEphemeral": ("--expires-at",),
    "ttlSeconds": ("--ttl",),
    "maxTtlSeconds": ("--max-ttl",),
    "overlapSeconds": ("--overlap",),
    "order": ("--newest",),
    "scopes": ("--scope",),
    "origins": ("--origin",),
    "networks": ("--network",),
    "categories": ("--category",),
    "rate": ("--requests-per-second", "--burst", "--bytes-per-second", "--burst-bytes"),
    "monthlyQuota": ("--monthly-requests", "--monthly-bytes"),
    # What a binding is about follows from which of these is given.
    "scope": ("--app", "--tier", "--environment"),
    "target": ("--app", "--tier", "--environment"),
}
# Commands read lists to their end.
PAGING = set(PageQuery.__struct_encode_fields__)


def name_of(call: Call) -> str:
    return f"{call.method} {call.pattern}"


def command_of(call: Call) -> click.Command:
    first, *rest = COMMAND_OF[name_of(call)].split()
    assert first in COMMANDS
    command: click.Command = import_module(f"gateway.cli.{first}").command
    for word in rest:
        assert isinstance(command, click.Group)
        command = command.commands[word]
    return command


def fields_of(given: type[Input] | None) -> set[str]:
    return set() if given is None else set(given.__struct_encode_fields__)


def kebab(field: str) -> str:
    return "".join(f"-{each.lower()}" if each.isupper() else each for each in field)


def test_every_call_has_a_command_and_no_command_is_of_a_call_that_is_gone() -> None:
    assert set(COMMAND_OF) == {name_of(call) for call in CALLS}


@pytest.mark.parametrize("call", CALLS, ids=name_of)
def test_every_field_can_be_set_from_the_command_line(call: Call) -> None:
    parameters = command_of(call).params
    flags = {option for each in parameters if isinstance(each, click.Option) for option in each.opts}
    arguments = {each.name for each in parameters if isinstance(each, click.Argument)}
    for field in fields_of(call.body) | fields_of(call.query) - PAGING:
        wanted = FLAGS_OF.get(field, (f"--{kebab(field)}",))
        assert field in arguments or flags.issuperset(wanted), f"{field}: {wanted}"


@pytest.mark.parametrize("call", [call for call in CALLS if call.confirms], ids=name_of)
def test_every_destructive_call_can_be_confirmed_and_made_with_an_approval(call: Call) -> None:
    flags = {option for each in command_of(call).params for option in each.opts}
    assert "--confirm" in flags
    assert ("--approval" in flags) == (call.approval is not None)


def test_no_flag_is_of_a_field_that_is_gone() -> None:
    known = {name for call in CALLS for given in (call.body, call.query) for name in fields_of(given)}
    assert set(FLAGS_OF) <= known
