"""`axonpush whoami`: what a key is, where it belongs, and what it may do."""

import sys

import click
from msgspec.structs import replace

from gateway.cli.client import Client
from gateway.cli.options import with_settings
from gateway.cli.printing import print_item
from gateway.runtime.settings import Settings

_STANDARD_INPUT = "-"


@click.command("whoami", short_help="What a key is and what it may do.")
@click.option(
    "--key", metavar="KEY", help="Ask about this ak_, pt_ or mk_ key instead; - reads it from standard input."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, as the gateway answered it.")
@with_settings("control")
def command(settings: Settings, *, key: str | None, as_json: bool) -> None:
    """Show environment, scopes, expiry, override targets and what quotas leave of a key; of the management key if none.

    \b
    axonpush whoami
    axonpush whoami --key - < key.txt
    """  # noqa: D301 (\b keeps click from wrapping the examples)
    text = sys.stdin.read().strip() if key == _STANDARD_INPUT else key
    control = replace(settings.control, management_key=text) if text else settings.control
    print_item(Client(control).call("GET", "/whoami"), as_json=as_json)
