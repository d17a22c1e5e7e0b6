"""The `axonpush` command: finds the sub-command's module and imports only that."""


def main() -> None:
    """Run the command line."""
