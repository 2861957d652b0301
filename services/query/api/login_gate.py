"""Checking passwords: bounded in number, in cost, and in what the answer gives away."""

import asyncio
import hashlib
import secrets
from datetime import timedelta

from limits import RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter
from pwdlib.exceptions import PwdlibError

from libs.common.access_names import EMAIL_MAX_LENGTH, PASSWORD_MAX_LENGTH
from libs.common.db.accounts import password_hasher
from libs.common.telemetry.logs import get_logger
from libs.common.telemetry.metrics import Metrics
from services.query.domain.errors import InvalidCredentials, TooManyLogins
from services.query.settings import QuerySettings
from services.query.store.accounts import AccountStore, Credentials

_HASHES_AT_ONCE = 2
_MOST_WAITING = 30
_MOST_FAMILIAR = 10_000

log = get_logger(__name__)


class PasswordHashing:
    """argon2 in threads, two at a time: each takes 64 MiB and a core for 50 ms."""

    def __init__(self) -> None:
        self._hasher = password_hasher()
        self._slots = asyncio.Semaphore(_HASHES_AT_ONCE)
        self._waiting = 0
        self._dummy: str | None = None

    async def hash(self, password: str) -> str:
        """Hash a new password."""
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Check a password; without a hash it takes as long and fails.

        Raises TooManyLogins rather than queue without end.
        """
        if self._waiting >= _MOST_WAITING:
            raise TooManyLogins("too many logins at once", retry_after_s=2)
        self._waiting += 1
        try:
            if self._dummy is None:
                self._dummy = await self.hash(secrets.token_hex())
            async with self._slots:
                return await asyncio.to_thread(
                    self._verify, password, password_hash or self._dummy
                ) and bool(password_hash)
        finally:
            self._waiting -= 1

    def _verify(self, password: str, password_hash: str) -> bool:
        try:
            return self._hasher.verify(password, password_hash)
        except PwdlibError:
            log.error("a stored password hash cannot be read")
            return False


class LoginGate:
    """Says whether an e-mail and a password belong together; the same answer for any mistake."""

    def __init__(
        self,
        settings: QuerySettings,
        accounts: AccountStore,
        hashing: PasswordHashing,
        metrics: Metrics,
    ) -> None:
        self._accounts = accounts
        self._hashing = hashing
        self._outcomes = metrics.counter("headwater_logins_total")
        window_s = max(1, settings.login_window // timedelta(seconds=1))
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._per_account = RateLimitItemPerSecond(settings.login_attempts_per_account, window_s)
        self._in_all = RateLimitItemPerSecond(settings.login_attempts_in_all, window_s)
        self._per_address = RateLimitItemPerSecond(settings.login_attempts_per_address, window_s)
        self._familiar: dict[tuple[str, str], None] = {}
        """Accounts with addresses from which they signed in, the latest at the end."""

    async def check(self, email: str, password: str, address: str) -> Credentials:
        """Return whose password it is; raises InvalidCredentials or TooManyLogins.

        A try counts before it is checked, so that many at once do not slip through; a success gives
        the account its tries from there back. Who guesses shuts out nobody but those who share an
        address with him: what counts from all addresses together does not hold for one from which
        the account has signed in.
        """
        account = hashlib.sha256(email.strip().casefold().encode()).hexdigest()
        await self._admit(account, address)
        is_possible = (
            0 < len(email) <= EMAIL_MAX_LENGTH
            and "\0" not in email
            and len(password) <= PASSWORD_MAX_LENGTH
        )
        known = await self._accounts.credentials(email.strip()) if is_possible else None
        await self._admit_address(address)
        is_right = await self._hashing.verify(
            password[:PASSWORD_MAX_LENGTH], known.password_hash if known else None
        )
        if known is None or not is_right:
            await self._limiter.hit(self._per_address, "address", address)
            await self._limiter.hit(self._in_all, "all", account)
            self._outcomes.labels("refused").inc()
            log.info("login refused", address=address)
            raise InvalidCredentials("e-mail or password is wrong")
        await self._limiter.clear(self._per_account, "account", account, address)
        self._remember(account, address)
        self._outcomes.labels("accepted").inc()
        return known

    def _remember(self, account: str, address: str) -> None:
        self._familiar.pop((account, address), None)
        self._familiar[account, address] = None
        if len(self._familiar) > _MOST_FAMILIAR:
            del self._familiar[next(iter(self._familiar))]

    async def _admit(self, account: str, address: str) -> None:
        await self._admit_address(address)
        if not await self._limiter.hit(self._per_account, "account", account, address):
            self._limit(address, "account and address")
            raise TooManyLogins("too many tries for this account", retry_after_s=60)
        if (account, address) not in self._familiar and not await self._limiter.test(
            self._in_all, "all", account
        ):
            self._limit(address, "account")
            raise TooManyLogins("too many tries for this account", retry_after_s=60)

    async def _admit_address(self, address: str) -> None:
        if not await self._limiter.test(self._per_address, "address", address):
            self._limit(address, "address")
            raise TooManyLogins("too many tries from this address", retry_after_s=60)

    def _limit(self, address: str, budget: str) -> None:
        self._outcomes.labels("limited").inc()
        log.info("login limited", address=address, budget=budget)
