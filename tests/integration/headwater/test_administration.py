"""Keys and users from the command line, and the accounts of a home."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

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


async def audited(database: str) -> list[tuple[str, dict[str, Any]]]:
    rows = await fetch(database, "SELECT action, details FROM audit_log ORDER BY at, id")
    return [(row["action"], json.loads(row["details"])) for row in rows]


async def test_keys(administration: Administration, database: str) -> None:
    made = await administration.create_key(NewIngestKey("shop", "server", "the shop"))
    rotated = await administration.rotate_key(made.id)
    assert rotated.text != made.text
    for is_enabled in (False, True):
        await administration.set_key_enabled(made.id, is_enabled=is_enabled)
        (key,) = await administration.keys()
        assert (key["application"], key["is_enabled"]) == ("shop", is_enabled)
    (stored,) = await fetch(database, "SELECT * FROM ingest_keys")
    assert (stored["previous_secret_hash"], stored["previous_valid_until"]) == (None, None)
    assert await audited(database) == [
        ("ingest_key.create", {"kind": "server"}),
        ("ingest_key.rotate", {}),
        ("ingest_key.change", {"is_enabled": False}),
        ("ingest_key.change", {"is_enabled": True}),
    ]


async def test_a_browser_key_needs_origins(administration: Administration) -> None:
    for key in (
        NewIngestKey("shop", "browser", "pages"),
        NewIngestKey("shop", "browser", "pages", ("https://a.example",), may_backfill=True),
    ):
        with pytest.raises(StackError, match="needs origins"):
            await administration.create_key(key)


async def test_unknown_keys_and_users(administration: Administration) -> None:
    for change in (
        administration.rotate_key("none"),
        administration.set_key_enabled("none", is_enabled=False),
        administration.set_user_active("none@example.org", is_active=False),
    ):
        with pytest.raises(StackError, match="there is no"):
            await change


async def test_users(administration: Administration, database: str) -> None:
    await administration.create_user("Ann@example.org", PASSWORD, "user")
    with pytest.raises(StackError, match="another user has this address"):
        await administration.create_user("ann@example.org", PASSWORD, "user")
    await administration.set_subjects("ANN@example.org", [("shop", "7")])
    await administration.set_password("ann@example.org", PASSWORD + "!")
    await administration.set_user_active("ann@example.org", is_active=False)
    (user,) = await administration.users()
    assert (user["subjects"], user["is_active"]) == ([["shop", "7"]], False)
    (row,) = await fetch(database, "SELECT password_hash FROM users")
    assert password_hasher().verify(PASSWORD + "!", row["password_hash"])
    made = {"email": "Ann@example.org", "role": "user", "subjects": []}
    assert await audited(database) == [
        ("user.create", made),
        ("user.change", {"subjects": [["shop", "7"]]}),
        ("user.change", {"password_hash": "changed"}),
        ("user.change", {"is_active": False}),
    ]


async def test_what_can_be_no_subject(administration: Administration) -> None:
    await administration.create_user("ann@example.org", PASSWORD, "user")
    for subjects in ([("shop", "")], [("shop", "7\n")], [("shop", "7" * 257)]):
        with pytest.raises(StackError, match="is no subject"):
            await administration.set_subjects("ann@example.org", subjects)
    with pytest.raises(StackError, match="1000 subjects at the most"):
        await administration.set_subjects("ann@example.org", [("shop", "7")] * 1_001)


async def test_the_last_admin_stays(administration: Administration, database: str) -> None:
    for name in ("ann", "bob"):
        await administration.create_user(f"{name}@example.org", PASSWORD, "admin")
    await administration.set_user_active("ann@example.org", is_active=False)
    with pytest.raises(StackError, match="nobody else could administer"):
        await administration.set_user_active("bob@example.org", is_active=False)
    await administration.set_user_active("ann@example.org", is_active=True)
    outcomes = await asyncio.gather(
        *(
            administration.set_user_active(f"{name}@example.org", is_active=False)
            for name in ("ann", "bob")
        ),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes if outcome is not None] == [StackError]
    left = await fetch(database, "SELECT email FROM users WHERE is_active")
    assert len(left) == 1


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
    await administration.set_user_active("ann@example.org", is_active=False)
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
