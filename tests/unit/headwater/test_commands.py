"""The command line before anything runs: one line that says what is wrong and what to do."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from headwater.commands.app import build_app


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HOME", "DATABASE_URL", "KAFKA_BOOTSTRAP", "EAGER_INDEXES"):
        monkeypatch.delenv(f"HEADWATER_{name}", raising=False)
    monkeypatch.chdir(tmp_path)


def headwater(*arguments: str) -> Result:
    return CliRunner().invoke(build_app(), arguments)


def told(result: Result, exit_code: int = 1) -> str:
    """Return the one line that a failed command said."""
    assert result.exit_code == exit_code, result.output
    (line,) = result.output.splitlines()
    return line


@pytest.mark.parametrize(
    "command",
    ["", "up", "down", "status", "migrate", "demo", "topics grow", "keys create", "users create"],
)
def test_every_command_explains_itself(command: str) -> None:
    shown = headwater(*command.split(), "--help")
    assert shown.exit_code == 0
    assert "--home" in shown.output or not command


def test_help_shows_the_defaults() -> None:
    assert ".headwater" in headwater("status", "--help").output
    assert "a free one" in headwater("up", "--help").output


@pytest.mark.parametrize(
    ("command", "variable"),
    [
        ("keys list", "HEADWATER_DATABASE_URL"),
        ("users create ann@example.org", "HEADWATER_DATABASE_URL"),
        ("migrate", "HEADWATER_DATABASE_URL"),
        ("topics adopt telemetry", "HEADWATER_DATABASE_URL"),
        ("topics list", "HEADWATER_KAFKA_BOOTSTRAP"),
    ],
)
def test_what_needs_a_running_home_says_so(command: str, variable: str) -> None:
    line = told(headwater(*command.split(), "--home", "here"))
    home = Path("here").resolve()
    assert line == (
        f"nothing runs in {home}: start it with `headwater up --home {home}`, or set {variable}"
    )
    assert not home.exists()


def test_status_and_down_of_nothing() -> None:
    home = Path(".headwater").resolve()
    start = f"`headwater up --home {home}`"
    assert told(headwater("status")) == f"Nothing runs in {home}: start it with {start}"
    for _ in range(2):
        assert told(headwater("down"), exit_code=0) == f"There is no installation in {home}"
    assert not home.exists()


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("DATABASE_URL", "shop", "needed is postgresql://user:password@host:port/name"),
        ("EAGER_INDEXES", "perhaps", "Input should be a valid boolean"),
    ],
)
def test_a_wrong_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, reason: str
) -> None:
    monkeypatch.setenv(f"HEADWATER_{name}", value)
    for command in ("migrate", "status", "up"):
        assert f"HEADWATER_{name}: {reason}" in told(headwater(command))


def test_servers_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_DATABASE_URL", "postgresql://u:p@127.0.0.1:1/n")
    monkeypatch.setenv("HEADWATER_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    for command in ("keys list", "topics adopt telemetry", "topics list", "migrate"):
        assert told(headwater(*command.split())).startswith("no connection, is it running?")
    monkeypatch.setenv("HEADWATER_KAFKA_SECURITY_PROTOCOL", "TLS")
    named = "HEADWATER_KAFKA_SECURITY_PROTOCOL: Input should be 'PLAINTEXT', 'SSL'"
    assert named in told(headwater("topics", "list"))


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("up --port 65536", "'--port'"),
        ("up --port 0", "'--port'"),
        ("up --brokers 0", "'--brokers'"),
        ("topics grow telemetry 0", "'partitions'"),
        ("topics grow telemetry 14 --timeout 0", "'--timeout'"),
        ("keys create", "'application'"),
        ("nonsense", "'nonsense'"),
    ],
)
def test_arguments_that_cannot_be(command: str, reason: str) -> None:
    refused = headwater(*command.split())
    assert refused.exit_code == 2
    assert reason in refused.output
    assert not Path(".headwater").exists()


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("keys create shop --kind x", "--kind takes server or browser"),
        ("keys create shop --kind browser", "a browser key needs origins"),
        ("users create ann@example.org --role x", "--role takes admin or user"),
        ("users create ann@example.org --password short", "12 to 1,024 characters"),
        (f"users create ann@example.org --password {'x' * 1_025}", "12 to 1,024 characters"),
        ("users set-subjects ann@example.org shop", "a subject is APPLICATION:USER_ID"),
        ("topics grow other 3", "other is none of ours: telemetry"),
    ],
)
def test_values_that_cannot_be(command: str, reason: str) -> None:
    assert reason in told(headwater(*command.split()))


def test_a_home_that_is_a_file() -> None:
    Path("file").touch()
    for command in ("status", "down"):
        assert str(Path("file").resolve()) in told(headwater(command, "--home", "file"))
    refused = headwater("up", "--home", "file")
    assert refused.exit_code == 1
    assert "cannot be written: choose a folder of yours with --home" in refused.output
