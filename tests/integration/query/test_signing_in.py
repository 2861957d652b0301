"""Logins, sessions, tokens: who may come in, and what keeps others out."""

from datetime import timedelta

import asyncpg
import httpx
import pytest

from libs.common.db.accounts import password_hasher
from tests.integration.query.house import House, open_house

LOGIN, ME, LOGOUT = "/api/v1/auth/login", "/api/v1/auth/me", "/api/v1/auth/logout"
EMAIL, PASSWORD = "jane@example.com", "correct horse battery staple"


@pytest.fixture(scope="session")
def password_hash() -> str:
    return password_hasher().hash(PASSWORD)


@pytest.fixture
async def jane(house: House, password_hash: str) -> House:
    await house.user(EMAIL, "admin", password_hash=password_hash)
    return house


async def login(
    client: httpx.AsyncClient, password: str = PASSWORD, email: str = EMAIL, **headers: str
) -> httpx.Response:
    body = {"email": email, "password": password}
    return await client.post(LOGIN, json=body, headers=headers)


async def test_a_session_opens_and_ends(jane: House, client: httpx.AsyncClient) -> None:
    assert (await client.get(ME)).status_code == 401
    answer = await login(client, email="Jane@Example.com")
    assert answer.status_code == 200
    assert answer.json()["subjects"] is None
    cookie = answer.headers["set-cookie"]
    for mark in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age=43200"):
        assert mark in cookie
    assert "Secure" not in cookie
    assert (await client.get(ME)).json()["email"] == EMAIL
    stored = await jane.fetch("SELECT token_hash, expires_at - created_at AS life FROM sessions")
    assert len(stored) == 1
    assert client.cookies["headwater_session"].encode() not in stored[0]["token_hash"]
    assert timedelta(hours=11, minutes=59) < stored[0]["life"] <= timedelta(hours=12)

    own = {"origin": jane.base_url}
    kept = dict(client.cookies)
    assert (await client.post(LOGOUT, headers=own)).status_code == 204
    assert await jane.fetch("SELECT 1 FROM sessions") == []
    client.cookies.update(kept)
    assert (await client.get(ME)).status_code == 401


async def test_each_login_is_a_new_session(jane: House, client: httpx.AsyncClient) -> None:
    client.cookies["headwater_session"] = "chosen-by-somebody-else"
    first = (await login(client)).cookies["headwater_session"]
    second = (await login(client)).cookies["headwater_session"]
    assert len({first, second, "chosen-by-somebody-else"}) == 3


async def test_unknown_and_wrong_are_answered_alike(jane: House, client: httpx.AsyncClient) -> None:
    wrong = await login(client, "wrong password here")
    unknown = await login(client, "wrong password here", "nobody@example.com")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json()
    for odd in ("nobody\0@example.com", "", "x" * 1000, "ｊane@example.com", "admin'--"):
        assert (await login(client, email=odd)).json() == wrong.json()
    assert (await login(client, "p" * 100_000)).json() == wrong.json()
    assert (await login(client, "p" * 1_000_000)).status_code == 413


async def test_an_inactive_user_stays_outside(jane: House, client: httpx.AsyncClient) -> None:
    await login(client)
    await jane.fetch("UPDATE users SET is_active = false")
    assert (await client.get(ME)).status_code == 401
    assert (await login(client)).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {},
    ],
)
async def test_another_site_cannot_use_the_cookie(
    jane: House, client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    await login(client)
    answer = await client.post(LOGOUT, headers=headers)
    assert (answer.status_code, answer.json()["reason"]) == (403, "foreign_origin")
    assert (await client.get(ME)).status_code == 200


async def test_another_site_cannot_log_in(jane: House, client: httpx.AsyncClient) -> None:
    assert (await login(client, origin="https://evil.example")).status_code == 403


async def test_tries_are_limited_by_account(database: str, password_hash: str) -> None:
    async with open_house(database, login_attempts_per_account=3) as house:
        await house.user(EMAIL, "admin", password_hash=password_hash)
        async with house.client() as client:
            for _ in range(3):
                assert (await login(client, "wrong")).status_code == 401
            limited = await login(client, **{"x-forwarded-for": "203.0.113.9"})
            assert (limited.status_code, limited.json()["retryable"]) == (429, True)
            assert int(limited.headers["retry-after"]) > 0
            assert (await login(client, "wrong", "other@example.com")).status_code == 401


async def test_tries_are_limited_by_address_whatever_the_header_says(
    database: str, password_hash: str
) -> None:
    async with (
        open_house(database, login_attempts_per_address=3) as house,
        house.client() as client,
    ):
        statuses = [
            (
                await login(
                    client,
                    "wrong",
                    f"user{number}@example.com",
                    **{"x-forwarded-for": f"203.0.113.{number}"},
                )
            ).status_code
            for number in range(5)
        ]
    assert statuses == [401, 401, 401, 429, 429]


async def try_from(client: httpx.AsyncClient, address: str, password: str = "wrong") -> int:
    """Sign in from an address that a trusted proxy names; return the status."""
    return (await login(client, password, **{"x-forwarded-for": address})).status_code


async def test_who_guesses_from_elsewhere_does_not_lock_an_account(
    database: str, password_hash: str
) -> None:
    async with open_house(database, login_attempts_per_account=3, trusted_proxy_hops=1) as house:
        await house.user(EMAIL, "admin", password_hash=password_hash)
        async with house.client() as client:
            for _ in range(3):
                assert await try_from(client, "203.0.113.1") == 401
            # also with the right password: else it could be told when one was guessed
            assert await try_from(client, "203.0.113.1", PASSWORD) == 429
            assert await try_from(client, "203.0.113.2", PASSWORD) == 200
            assert await try_from(client, "203.0.113.1") == 429
            # one customer's addresses are one
            for last in range(3):
                assert await try_from(client, f"2001:db8::{last}") == 401
            assert await try_from(client, "2001:db8::ffff") == 429
            assert await try_from(client, "2001:db8:0:1::1", PASSWORD) == 200


async def test_who_guesses_from_everywhere_shuts_out_no_familiar_address(
    database: str, password_hash: str
) -> None:
    async with open_house(
        database, login_attempts_per_account=3, login_attempts_in_all=5, trusted_proxy_hops=1
    ) as house:
        await house.user(EMAIL, "admin", password_hash=password_hash)
        async with house.client() as client:
            at_home = "198.51.100.7"
            assert await try_from(client, at_home, PASSWORD) == 200
            statuses = [await try_from(client, f"203.0.113.{n}") for n in range(7)]
            assert statuses == [401] * 5 + [429] * 2
            assert await try_from(client, "192.0.2.1", PASSWORD) == 429
            for password, expected in (("mistyped", 401), (PASSWORD, 200), (PASSWORD, 200)):
                assert await try_from(client, at_home, password) == expected
            # of another account nothing was guessed
            other = await login(
                client, "wrong", "other@example.com", **{"x-forwarded-for": "203.0.113.9"}
            )
            assert other.status_code == 401


async def test_at_a_familiar_address_tries_are_limited_all_the_same(
    database: str, password_hash: str
) -> None:
    async with open_house(database, login_attempts_per_account=3, trusted_proxy_hops=1) as house:
        await house.user(EMAIL, "admin", password_hash=password_hash)
        async with house.client() as client:
            assert await try_from(client, "198.51.100.7", PASSWORD) == 200
            statuses = [await try_from(client, "198.51.100.7") for _ in range(4)]
            assert statuses == [401, 401, 401, 429]


async def test_a_trusted_proxy_names_the_address(database: str) -> None:
    async with (
        open_house(database, login_attempts_per_address=1, trusted_proxy_hops=1) as house,
        house.client() as client,
    ):
        for forwarded, expected in (
            ("spoofed, 203.0.113.1", 401),
            ("other, 203.0.113.1", 429),
            ("spoofed, 203.0.113.2", 401),
        ):
            answer = await login(
                client,
                "wrong",
                f"{expected}{forwarded[-1]}@example.com",
                **{"x-forwarded-for": forwarded},
            )
            assert answer.status_code == expected


async def test_the_own_password_changes_and_ends_sessions(
    jane: House, client: httpx.AsyncClient
) -> None:
    await login(client)
    own = {"origin": jane.base_url}
    path = "/api/v1/auth/password"
    new = "another long password"
    wrong = {"current_password": "not it", "new_password": new}
    assert (await client.post(path, json=wrong, headers=own)).status_code == 401
    short = {"current_password": PASSWORD, "new_password": "short"}
    refused = await client.post(path, json=short, headers=own)
    assert refused.status_code == 422
    assert PASSWORD not in refused.text
    right = {"current_password": PASSWORD, "new_password": new}
    assert (await client.post(path, json=right, headers=own)).status_code == 204
    assert (await client.get(ME)).status_code == 401
    assert (await login(client)).status_code == 401
    assert (await login(client, new)).status_code == 200


async def test_tokens_that_are_not_valid(house: House, client: httpx.AsyncClient) -> None:
    token = await house.token("admin@example.com", "admin")
    right = {"authorization": f"Bearer {token}"}
    assert (await client.get(ME, headers=right)).status_code == 200
    for header in (
        "",
        "Bearer",
        "Bearer x",
        f"Basic {token}",
        f"Bearer {token}x",
        f"Bearer {token.replace('hwt_', 'hw_')}",
        "Bearer hwt_unknown_secret",
        "Bearer hwt_" + "a" * 5_000 + "_b",
    ):
        answer = await client.get(ME, headers={"authorization": header})
        assert answer.status_code == 401, header
        assert answer.headers["www-authenticate"] == "Bearer"
    await house.fetch("UPDATE api_tokens SET expires_at = now() - interval '1 s'")
    assert (await client.get(ME, headers=right)).status_code == 401
    await house.fetch("UPDATE api_tokens SET expires_at = NULL, revoked_at = now()")
    assert (await client.get(ME, headers=right)).status_code == 401


async def test_a_sliding_session_goes_on_while_it_is_used(
    database: str, password_hash: str
) -> None:
    async with open_house(database, session_is_sliding=True) as house:
        await house.user(EMAIL, "admin", password_hash=password_hash)
        async with house.client() as client:
            assert "Max-Age" not in (await login(client)).headers["set-cookie"]
            await house.fetch("UPDATE sessions SET expires_at = now() + interval '1 h'")
            assert (await client.get(ME)).status_code == 200
            (row,) = await house.fetch("SELECT expires_at - now() AS life FROM sessions")
            assert row["life"] > timedelta(hours=11)


async def test_the_cookie_is_secure_behind_tls(database: str, password_hash: str) -> None:
    origin = "https://logs.example.com"
    async with open_house(database, public_origin=origin) as house:
        await house.user(EMAIL, "admin", password_hash=password_hash)
        async with house.client() as client:
            answer = await login(client, origin=origin)
            assert "Secure" in answer.headers["set-cookie"]
            assert (await login(client, origin=house.base_url)).status_code == 403


async def test_without_postgres_it_says_try_again(house: House) -> None:
    async with house.client(await house.token("admin@example.com", "admin")) as client:
        name = house.database_url.rsplit("/", 1)[1]
        server = await asyncpg.connect(house.database_url.rsplit("/", 1)[0] + "/postgres")
        try:
            await house.engine.dispose()
            await server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            answer = await client.get(ME)
            ready = await client.get("/readyz")
            healthy = await client.get("/healthz")
            await server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        finally:
            await server.close()
        assert (answer.status_code, answer.json()["reason"]) == (503, "database_unavailable")
        assert ready.status_code == 503
        assert healthy.status_code == 200
        assert (await client.get(ME)).status_code == 200
        assert (await client.get("/readyz")).json() == {"ready": True, "missing": {}}
