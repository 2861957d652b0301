"""The administration's commands against real Kafka and PostgreSQL."""

import pytest
from typer.testing import CliRunner, Result

from headwater.commands.app import build_app
from libs.common.topics import TOPICS
from tests.stack import Stack

EMAIL = "ann@example.org"


@pytest.fixture(autouse=True)
def _servers(stack: Stack, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_DATABASE_URL", database)
    monkeypatch.setenv("HEADWATER_KAFKA_BOOTSTRAP", stack.kafka_bootstrap)


def headwater(*arguments: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(build_app(), arguments, input=typed)


def told(*arguments: str, exit_code: int = 0, typed: str | None = None) -> str:
    result = headwater(*arguments, typed=typed)
    assert result.exit_code == exit_code, result.output
    return result.output


def test_keys() -> None:
    made = told("keys", "create", "shop", "--name", "the shop")
    key_id = made.split("_")[1]
    assert f"{key_id}  enabled   server   shop" in told("keys", "list")
    assert told("keys", "rotate", key_id).startswith(f"hw_{key_id}_")
    assert told("keys", "disable", key_id) == f"Disabled {key_id}\n"
    assert f"{key_id}  disabled" in told("keys", "list")
    assert told("keys", "enable", key_id) == f"Enabled {key_id}\n"
    assert f"{key_id}  enabled" in told("keys", "list")
    assert told("keys", "rotate", "none", exit_code=1) == "there is no key none\n"


def test_what_can_be_no_key() -> None:
    assert "no name" in told("keys", "create", "", exit_code=1)
    browser = ("keys", "create", "shop", "--kind", "browser", "--origin")
    assert "write it as https://" in told(*browser, "shop.example.com", exit_code=1)
    assert told(*browser, "https://Shop.example.com").startswith("hw_")


def test_a_key_for_pages_is_a_browser_key() -> None:
    page = ("--origin", "https://shop.example.com")
    ids = [
        told("keys", "create", "shop", *options).split("_")[1]
        for options in (page, ("--kind", "browser", *page), (), ("--kind", "server", *page))
    ]
    kinds = {line.split()[0]: line.split()[2] for line in told("keys", "list").splitlines()}
    assert [kinds[one] for one in ids] == ["browser", "browser", "server", "server"]


def test_users() -> None:
    assert len(told("users", "create", EMAIL).strip()) >= 12
    assert told("users", "create", EMAIL, exit_code=1) == "another user has this address\n"
    assert told("users", "create", "ann", exit_code=1) == "'ann' is no e-mail address\n"
    assert told("users", "set-subjects", EMAIL, "shop:7") == f"{EMAIL} sees 1 subjects\n"
    changed = told("users", "set-password", EMAIL, "--password", "-", typed="horse battery\n")
    assert changed == f"Changed the password of {EMAIL}\n"
    assert told("users", "disable", EMAIL) == f"Disabled {EMAIL}\n"
    (line,) = told("users", "list").splitlines()
    assert line.split(maxsplit=3) == [EMAIL, "user", "disabled", '[["shop", "7"]]']
    assert told("users", "enable", EMAIL) == f"Enabled {EMAIL}\n"
    assert "  active  " in told("users", "list")
    admin = "admin@example.org"
    told("users", "create", admin, "--role", "admin")
    assert told("users", "disable", admin, exit_code=1) == "nobody else could administer\n"
    nobody = "nobody@example.org"
    assert told("users", "disable", nobody, exit_code=1) == f"there is no user {nobody}\n"


def test_topics_and_schema() -> None:
    told("topics", "create")
    assert told("topics", "create") == "All topics are there\n"
    shown = told("topics", "list")
    assert all(topic.name in shown for topic in TOPICS)
    assert told("topics", "adopt", "telemetry") == "Nothing stands still\n"
    assert told("topics", "grow", "telemetry", "2", exit_code=1).endswith("none can go\n")
    assert "is at revision" in told("migrate")
