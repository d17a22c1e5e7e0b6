"""deploy/compose.yaml names what exists: settings, sub-commands, secrets without a default, health checks."""

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from gateway.cli.main import COMMANDS
from gateway.identity.tokens import parse_peppers
from gateway.runtime import config

DEPLOY = Path(__file__).parents[3] / "deploy"
TEXT = (DEPLOY / "compose.yaml").read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
_INTERPOLATED = re.compile(r"\$\{(\w+)(:\?[^}]+)?\}")
_EXAMPLE_SECRETS = {"POSTGRES_PASSWORD": "abc", "AXONPUSH_DIRECTORY_PEPPERS": "1:" + "ab" * 32}


def test_the_gateway_runs_as_edge_worker_and_migration() -> None:
    assert set(OURS) == {"edge", "worker", "migrate"}


@pytest.mark.parametrize("name", OURS)
def test_a_service_runs_a_subcommand_with_arguments_it_takes(name: str) -> None:
    subcommand, *arguments = OURS[name]["command"]
    assert subcommand in COMMANDS
    command: click.Command = import_module(f"gateway.cli.{subcommand}").command
    command.make_parser(click.Context(command)).parse_args(arguments)


@pytest.mark.parametrize("name", OURS)
def test_the_environment_of_a_service_is_settings_that_load(name: str) -> None:
    environ = {
        variable: _INTERPOLATED.sub(lambda match: _EXAMPLE_SECRETS[match[1]], value)
        for variable, value in OURS[name]["environment"].items()
    }
    settings, origins = config.load({}, environ, None, None)
    assert settings.database.url == "postgresql://axonpush:abc@postgres:5432/axonpush"
    assert settings.kafka.bootstrap == "kafka:9092"
    assert sum(origin.startswith("environment variable") for origin in origins.values()) == len(environ)


def test_the_edge_gets_a_pepper_and_the_worker_does_not() -> None:
    assert "AXONPUSH_DIRECTORY_PEPPERS" in OURS["edge"]["environment"]
    assert "AXONPUSH_DIRECTORY_PEPPERS" not in OURS["worker"]["environment"]


def test_every_secret_is_demanded_with_a_sentence_and_stands_empty_in_the_example() -> None:
    interpolated = _INTERPOLATED.findall(TEXT)
    assert {variable for variable, _ in interpolated} == set(_EXAMPLE_SECRETS)
    assert all(sentence for _, sentence in interpolated)
    example = dict(
        line.split("=", 1)
        for line in (DEPLOY / "env.example").read_text().splitlines()
        if not line.startswith("#") and line
    )
    assert example == dict.fromkeys(_EXAMPLE_SECRETS, "")


def test_the_pepper_that_the_example_explains_has_the_form_that_is_read() -> None:
    assert "1:$(openssl rand -hex 32)" in (DEPLOY / "env.example").read_text()
    assert parse_peppers(_EXAMPLE_SECRETS["AXONPUSH_DIRECTORY_PEPPERS"]).current == 1


@pytest.mark.parametrize("name", OURS)
def test_our_containers_can_write_nothing_and_gain_nothing(name: str) -> None:
    service = OURS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_waits_for_can_come_true(name: str) -> None:
    for other, wait in SERVICES[name].get("depends_on", {}).items():
        if wait["condition"] == "service_healthy":
            assert SERVICES[other]["healthcheck"]["test"]
        else:
            assert wait["condition"] == "service_completed_successfully"
            assert SERVICES[other]["restart"].startswith("on-failure")


def test_a_container_is_given_longer_to_stop_than_the_edge_takes() -> None:
    settings, _ = config.load({}, {}, None, None)
    grace_seconds = int(OURS["edge"]["stop_grace_period"].removesuffix("s"))
    assert grace_seconds > settings.server.drain_delay_seconds + settings.server.shutdown_timeout_seconds
