"""The `axonpush` command: finds the sub-command's module and imports only that."""

import sys
from importlib import import_module
from typing import NoReturn

import click

from schemas.errors import ConfigError, GatewayError

# Sub-command → its line in the list. The module gateway.cli.<sub-command> holds it under the name `command`, and is
# imported when the sub-command runs: `axonpush --help` stays fast.
COMMANDS = {
    "up": "Start PostgreSQL, Kafka, edge and worker on this machine.",
    "edge": "Take requests and publish them.",
    "worker": "Store what was published.",
    "migrate": "Bring the database to this version's schema.",
    "seed": "Make the first app and issue its first keys.",
    "config": "Show the settings in effect and where each comes from.",
    "stats": "Count what is stored and what is waiting.",
    "whoami": "What a key is and what it may do.",
    "events": "Events that are stored of an environment.",
    "trace": "The spans of one trace, as a tree.",
    "attachment": "Files that came with Sentry events.",
    "app": "Apps: what environments, channels and keys belong to.",
    "env": "Environments of an app.",
    "tier": "Environments of the organization: Development, QA, Production.",
    "channel": "Channels of an app.",
    "key": "API keys (ak_).",
    "token": "Public tokens (pt_).",
    "member": "People of the organization.",
    "role": "Roles, and who has them where.",
    "mk": "Management keys (mk_).",
    "approval": "Destructive calls that somebody else approves.",
    "audit": "What was done, and that nobody changed the log.",
    "completion": "Make a shell complete commands and options.",
}


class LazyGroup(click.Group):
    """A group whose sub-commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Answer the names in the order of the table."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the sub-command's module."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"gateway.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the sub-commands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="`axonpush COMMAND --help` tells more. Every setting: `axonpush config`.",
)
@click.version_option(package_name="axonpush", message="%(package)s %(version)s")
def group() -> None:
    """Ingest OpenTelemetry and Sentry: one URL, one key, every event in exactly the right environment.

    \b
    axonpush up                      everything on this machine, http://127.0.0.1:8080
    axonpush stats                   what has been stored
    axonpush edge --port 8081        one more edge beside it
    """  # noqa: D301 (\b keeps click from wrapping the examples)


def main() -> NoReturn:
    """Run the command line; a wrong setting ends with exit code 2, another failure that has a sentence with 1."""
    try:
        group.main(prog_name="axonpush", standalone_mode=True)
    except GatewayError as error:
        _fail(error)
    except BaseExceptionGroup as errors:  # of a task group
        known = errors.subgroup(GatewayError)
        if known is None:
            raise
        _fail(_first(known))
    sys.exit(0)


def _first(errors: BaseExceptionGroup[GatewayError]) -> GatewayError:
    """Answer the first of the errors in a group of groups."""
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def _fail(error: GatewayError) -> NoReturn:
    """Say what is wrong, and end."""
    click.echo(f"axonpush: {error.message}", err=True)
    sys.exit(2 if isinstance(error, ConfigError) else 1)
