"""`python -m gateway.cli`: the `axonpush` command for processes that start another of it."""

from gateway.cli.main import main

main()
