"""Keys and users from the command line, and the accounts of a home."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from headwater.administration import Administration
from headwater.home import Home
from headwater.stack.errors import StackError
from headwater.supervisor.accounts import ensure_accounts, read_secrets
from libs.common.clock import SettableClock
from libs.common.db.accounts import NewIngestKey, password_hasher

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
PASSWORD = "correct horse battery"


@pytest.fixture
def administration(database: str) -> Administration:
    return Administration(database, SettableClock(NOW))


async def fetch(database: str, question: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(database)
    try:
        return list(await connection.fetch(question))
    finally:
        await connection.close()


async def test_keys(administration: Administration, database: str) -> None:
    made = await administration.create_key(NewIngestKey("shop", "server", "the shop"))
    rotated = await administration.rotate_key(made.id)
    assert rotated.text != made.text
    await administration.disable_key(made.id)
    (key,) = await administration.keys()
    assert (key["application"], key["is_enabled"]) == ("shop", False)
    audited = [row["action"] for row in await fetch(database, "SELECT action FROM audit_log")]
    assert audited == ["ingest_key.create", "ingest_key.rotate", "ingest_key.disable"]


async def test_unknown_keys_and_users(administration: Administration) -> None:
    for change in (
        administration.rotate_key("none"),
        administration.disable_key("none"),
        administration.disable_user("none@example.org"),
    ):
        with pytest.raises(StackError, match="there is no"):
            await change


async def test_users(administration: Administration, database: str) -> None:
    await administration.create_user("Ann@example.org", PASSWORD, "user")
    with pytest.raises(StackError, match="exists already"):
        await administration.create_user("ann@example.org", PASSWORD, "user")
    await administration.set_subjects("ANN@example.org", [("shop", "7")])
    await administration.set_password("ann@example.org", PASSWORD + "!")
    await administration.disable_user("ann@example.org")
    (user,) = await administration.users()
    assert (user["subjects"], user["is_active"]) == ([["shop", "7"]], False)
    (row,) = await fetch(database, "SELECT password_hash FROM users")
    assert password_hasher().verify(PASSWORD + "!", row["password_hash"])


async def test_sessions_end_with_the_password_and_the_user(
    administration: Administration, database: str
) -> None:
    user_id = await administration.create_user("ann@example.org", PASSWORD, "user")
    session = (
        "INSERT INTO sessions (token_hash, user_id, expires_at)"
        f" VALUES ('x', '{user_id}', 'infinity')"
    )
    await fetch(database, session)
    await administration.set_password("ann@example.org", PASSWORD)
    assert await fetch(database, "SELECT * FROM sessions") == []
    await fetch(database, session)
    await administration.disable_user("ann@example.org")
    assert await fetch(database, "SELECT * FROM sessions") == []


async def test_accounts_are_made_once(database: str, tmp_path: Path) -> None:
    home = Home(tmp_path)
    first = await ensure_accounts(home, database)
    assert await ensure_accounts(home, database) == first == read_secrets(home)
    assert len(await fetch(database, "SELECT * FROM ingest_keys")) == 2


async def test_what_the_database_does_not_know_is_made_again(database: str, tmp_path: Path) -> None:
    home = Home(tmp_path)
    first = await ensure_accounts(home, database)
    await fetch(database, "DELETE FROM ingest_keys")
    await fetch(database, "UPDATE api_tokens SET revoked_at = now()")
    second = await ensure_accounts(home, database)
    assert second.admin_password == first.admin_password
    assert second.ingest_key != first.ingest_key
    assert second.api_token != first.api_token


async def test_a_lost_home_gets_a_new_password(database: str, tmp_path: Path) -> None:
    first = await ensure_accounts(Home(tmp_path / "lost"), database)
    second = await ensure_accounts(Home(tmp_path / "new"), database)
    assert second.admin_email == first.admin_email
    assert second.admin_password != first.admin_password
    (row,) = await fetch(database, "SELECT password_hash FROM users")
    assert password_hasher().verify(second.admin_password, row["password_hash"])


async def test_a_wrong_secret_in_the_file_is_replaced(database: str, tmp_path: Path) -> None:
    home = Home(tmp_path)
    first = await ensure_accounts(home, database)
    stored = json.loads(home.secrets_file.read_text())
    home.secrets_file.write_text(json.dumps({**stored, "ingest_key": first.ingest_key[:-1] + "-"}))
    second = await ensure_accounts(home, database)
    assert second == replace(first, ingest_key=second.ingest_key)
    assert second.ingest_key != first.ingest_key
