"""Where settings come from, which source wins, and what a bad one says."""

import fcntl
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from gateway.runtime import config
from gateway.runtime.catalogue import SETTINGS
from gateway.runtime.settings import MIB, Settings
from schemas.errors import ConfigError

KEY = "server.port"


def load(
    flags: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
    toml: Path | None = None,
    stack: Path | None = None,
) -> tuple[Settings, dict[str, str]]:
    return config.load(flags or {}, environ or {}, toml, stack)


def test_without_any_source_all_settings_are_the_defaults() -> None:
    settings, origins = load()
    assert settings == Settings()
    assert set(origins) == set(SETTINGS)
    assert set(origins.values()) == {"default"}


def test_the_first_source_in_rank_wins(tmp_path: Path) -> None:
    toml = tmp_path / "axonpush.toml"
    toml.write_text("[server]\nport = 3\n")
    stack = tmp_path / "running.json"
    stack.write_text(json.dumps({"env": {"AXONPUSH_SERVER_PORT": "4"}}))
    ranked = [
        ({"flags": {KEY: "1"}}, 1, "flag --server-port"),
        ({"environ": {"AXONPUSH_SERVER_PORT": "2"}}, 2, "environment variable AXONPUSH_SERVER_PORT"),
        ({"toml": toml}, 3, f"file {toml}"),
        ({"stack": stack}, 4, f"local stack {stack}"),
        ({}, 8080, "default"),
    ]
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for rank, (_, expected, origin) in enumerate(ranked):
            sources: dict[str, object] = {}
            for source, _, _ in ranked[rank:]:
                sources |= source
            settings, origins = load(**sources)  # pyright: ignore[reportArgumentType]
            assert (settings.server.port, origins[KEY]) == (expected, origin)


def test_a_stack_that_no_longer_runs_is_passed_over(tmp_path: Path) -> None:
    stack = tmp_path / "running.json"
    stack.write_text(json.dumps({"env": {"AXONPUSH_SERVER_PORT": "4"}}))
    (tmp_path / "lock").touch()
    settings, _ = load(stack=stack)
    assert settings.server.port == 8080


def test_values_become_what_their_settings_are(tmp_path: Path) -> None:
    toml = tmp_path / "x.toml"
    toml.write_text('[worker]\nexcluded_environments = ["a", "b"]\n')
    settings, _ = load(
        environ={"AXONPUSH_WORKER_ENVIRONMENTS": "production, staging,", "AXONPUSH_LIMITS_BODY_MAX_BYTES": "1048576"},
        toml=toml,
    )
    assert settings.worker.environments == ("production", "staging")
    assert settings.worker.excluded_environments == ("a", "b")
    assert settings.limits.body_max_bytes == MIB


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("server.port", "many", "a whole number from 0 to 65535"),
        ("server.port", "65536", "a whole number from 0 to 65535"),
        ("limits.body_max_bytes", "0", "a whole number of at least 1"),
        ("kafka.security_protocol", "TLS", "one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL"),
        ("kafka.sasl_mechanism", "GSSAPI", "one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512"),
        ("log.level", "LOUD", "one of DEBUG, INFO, WARNING, ERROR"),
    ],
)
def test_a_bad_value_is_named_with_its_origin_and_what_is_allowed(key: str, value: str, allowed: str) -> None:
    variable = SETTINGS[key].variable
    with pytest.raises(ConfigError) as caught:
        load(environ={variable: value})
    assert caught.value.message == f"{key} (environment variable {variable}) is {value!r}; it takes {allowed}."


def test_an_unknown_variable_is_named() -> None:
    with pytest.raises(ConfigError, match="The environment variable AXONPUSH_SERVER_PROT is no setting"):
        load(environ={"AXONPUSH_SERVER_PROT": "1"})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[sever]\nport = 1", "[sever] in {path} is no section of settings. Those are: server, limits, "),
        ("server = 1", "[server] in {path} is no section of settings."),
        ("[server]\nprot = 1", "prot in [server] of {path} is no setting. Those are: host, port, "),
        ("[server]\nport = [1]", "server.port (file {path}) is [1]; it takes a whole number from 0 to 65535."),
        ("[server", "The configuration file {path} cannot be read: "),
        ("[database]\nurl = 5", "database.url (file {path}) has a value that is not allowed; it takes a text."),
    ],
)
def test_a_bad_file_is_named_with_what_is_allowed(tmp_path: Path, text: str, sentence: str) -> None:
    toml = tmp_path / "x.toml"
    toml.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(toml=toml)
    assert caught.value.message.startswith(sentence.format(path=toml))


def test_a_file_that_was_asked_for_must_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert config.toml_path_of(None, {}) is None
    (tmp_path / "axonpush.toml").touch()
    assert config.toml_path_of(None, {}) == Path("axonpush.toml")
    ask: list[Callable[[], object]] = [
        lambda: config.toml_path_of("gone.toml", {}),
        lambda: config.toml_path_of(None, {"AXONPUSH_CONFIG": "gone.toml"}),
    ]
    for question in ask:
        with pytest.raises(ConfigError, match=r"The configuration file gone\.toml .* does not exist"):
            question()


def test_variables_that_are_no_setting_but_ours_are_let_through() -> None:
    ours = {"AXONPUSH_CONFIG": "", "AXONPUSH_DATA_DIR": "x", "AXONPUSH_TEST_KAFKA_BOOTSTRAP": "y", "PATH": "z"}
    assert load(environ=ours)[0] == Settings()


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("directory.peppers", "1:abcdef", "********"),
        ("directory.peppers", "", ""),
        ("database.url", "postgresql://me:secret@db:5432/x", "postgresql://me:********@db:5432/x"),
        ("database.url", "postgresql://db/x?password=secret&user=me", "postgresql://db/x?password=********&user=me"),
        ("control.url", "http://me:secret@gateway/", "http://me:********@gateway/"),
        ("control.url", "http://gateway:8080/", "http://gateway:8080/"),
        ("worker.environments", ("a", "b"), "a,b"),
    ],
)
def test_people_never_see_a_secret(key: str, value: object, text: str) -> None:
    assert config.shown(SETTINGS[key], value) == text


def test_another_process_gets_the_same_settings_by_its_environment() -> None:
    flags = {"worker.environments": "a,b", "server.port": "8080", "database.url": "postgresql://u:p@h/d"}
    settings, origins = load(flags=flags)
    variables = config.environment_of(settings, origins)
    # A flag that says what the default says still outranks the other process's TOML file.
    assert variables["AXONPUSH_SERVER_PORT"] == "8080"
    assert load(environ=variables)[0] == settings
