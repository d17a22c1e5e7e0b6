"""`axonpush completion`: the script that makes a shell complete commands and options."""

import click
from click.shell_completion import get_completion_class

_SHELLS = ("bash", "zsh", "fish")
_PROGRAM = "axonpush"
_VARIABLE = "_AXONPUSH_COMPLETE"


@click.command("completion", short_help="Make a shell complete commands and options.")
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the script that makes SHELL complete commands and options; it asks this command as you type.

    \b
    source <(axonpush completion bash)                                        # in ~/.bashrc
    source <(axonpush completion zsh)                                         # in ~/.zshrc
    axonpush completion fish > ~/.config/fish/completions/axonpush.fish
    """  # noqa: D301 (\b keeps click from wrapping the examples)
    made_by = get_completion_class(shell)
    assert made_by is not None  # click has one for each of these
    click.echo(made_by(ctx.find_root().command, {}, _PROGRAM, _VARIABLE).source())
