"""Hands dead letters to the gateway, the only publisher of `telemetry`."""

import httpx
import msgspec

from libs.common.access_keys import internal_signature
from libs.common.events import Letter
from libs.common.telemetry.trace import current_trace_id
from services.query.domain.errors import GatewayUnavailable, ReplayRefused

_PATH = "/internal/replay"
_TIMEOUT_S = 8.0


class ReplayPublisher:
    """Sends letters over HTTP; each request proves itself by an HMAC of its body."""

    def __init__(self, url: str | None, secret: bytes) -> None:
        self._url = url
        self._secret = secret
        self._client = httpx.AsyncClient(timeout=_TIMEOUT_S)

    async def replay(self, letter: Letter) -> None:
        """Return once the gateway has the letter in Kafka.

        Raises GatewayUnavailable where nobody knows or it is to be tried later, ReplayRefused where
        the gateway will not take it.
        """
        if self._url is None:
            raise GatewayUnavailable("HEADWATER_INGEST_INTERNAL_URL is not set")
        body = msgspec.json.encode(letter)
        headers = {
            "content-type": "application/json",
            "x-headwater-internal": internal_signature(self._secret, body),
        }
        trace_id = current_trace_id.get()
        if trace_id is not None:
            headers["x-trace-id"] = trace_id
        try:
            answer = await self._client.post(
                self._url.rstrip("/") + _PATH, content=body, headers=headers
            )
        except httpx.HTTPError as error:
            raise GatewayUnavailable(
                f"the gateway did not answer: {type(error).__name__}"
            ) from error
        if answer.status_code == httpx.codes.ACCEPTED:
            return
        if answer.status_code < 500 and answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
            raise ReplayRefused(f"the gateway answered {answer.status_code}: {_reason(answer)}")
        raise GatewayUnavailable(f"the gateway answered {answer.status_code}")

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _reason(answer: httpx.Response) -> str:
    try:
        document = answer.json()
    except ValueError:
        return "no reason given"
    parts = [str(document.get(name, "")) for name in ("reason", "detail")]
    return " ".join(part for part in parts if part)[:500]
