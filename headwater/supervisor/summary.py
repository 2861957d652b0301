"""What the user is told once everything runs."""

import json

from headwater.home import State
from headwater.invocation import own_command

READY = "Headwater is up."


def ready_text(state: State) -> str:
    """Return the addresses, the login, a key, a line to paste, and how to stop."""
    home = state.home
    return "\n".join(
        [
            "",
            READY,
            f"  Console      {state.console_url}",
            f"  Login        {state.admin_email}  {state.admin_password}",
            f"  Ingest key   {state.ingest_key}",
            f"  Sentry DSN   {state.sentry_dsn}",
            f"  OTLP logs    {state.otlp_endpoint}  (authorization: Bearer <ingest key>)",
            f"  API token    {state.api_token}",
            f"  Logs         {home}/logs",
            f"  Stop         {own_command()} down --home {home}",
            "",
            "Post an event:",
            f"  {curl_line(state)}",
            "Read it back:",
            f"  curl -H 'Authorization: Bearer {state.api_token}' "
            f"'{state.console_url}/api/v1/logging/logs?limit=1'",
            "",
        ]
    )


def sentry_dsn(ingest_url: str, ingest_key: str) -> str:
    """Return what Sentry's SDKs are given; they insist on a number for the project."""
    scheme, _, rest = ingest_url.partition("://")
    return f"{scheme}://{ingest_key}@{rest.partition('/')[0]}/1"


def curl_line(state: State) -> str:
    """Return a command that posts one event, ready to be pasted."""
    body = json.dumps({"events": [{"kind": "log", "level": "WARNING", "message": "hello"}]})
    return (
        f"curl -H 'Authorization: Bearer {state.ingest_key}' "
        f"-H 'Content-Type: application/json' -d '{body}' {state.ingest_url}"
    )
