"""Invents a day of a shop's traffic: a browser, its backend and its database, sharing traces."""

import random
from datetime import datetime, timedelta
from typing import Any

_PATHS = {
    "GET /api/v1/products": "catalog",
    "GET /api/v1/products/{id}": "catalog",
    "POST /api/v1/carts/{id}/items": "cart",
    "POST /api/v1/orders": "checkout",
    "POST /api/v1/sessions": "auth",
    "GET /api/v1/reports": "reports",
}
_STATEMENTS = {
    "catalog": "SELECT id, name, price FROM products WHERE category = 'shoes' LIMIT 50",
    "cart": "INSERT INTO cart_items (cart_id, product_id, count) VALUES (71, 2204, 1)",
    "checkout": "UPDATE stock SET count = count - 1 WHERE product_id = 2204",
    "auth": "SELECT id, password_hash FROM users WHERE email = 'mira@example.com'",
    "reports": "SELECT day, sum(total) FROM orders GROUP BY day ORDER BY day",
}
_STACK = [
    {"file": "shop/http.py", "function": "post", "line": 19},
    {"file": "shop/payments/client.py", "function": "charge", "line": 41},
    {"file": "shop/api/orders.py", "function": "create_order", "line": 88},
]
_DAY = timedelta(hours=24)
_SPIKE_AT = 0.7
_SPIKE_WIDTH = 0.02
"""Share of the day in which the payment provider is down."""


def make_day(event_count: int, until: datetime, seed: int) -> list[dict[str, Any]]:
    """Return exactly so many events of the 24 hours before `until`, oldest first."""
    source = random.Random(seed)  # noqa: S311 - invented traffic, no secret
    events: list[dict[str, Any]] = []
    while len(events) < event_count:
        share = source.random()
        if source.random() < 0.1:
            share = _SPIKE_AT + source.random() * _SPIKE_WIDTH
        is_spike = _SPIKE_AT <= share <= _SPIKE_AT + _SPIKE_WIDTH
        events += _visit(source, until - _DAY * (1 - share), is_spike=is_spike)
    return sorted(events[:event_count], key=lambda event: str(event["created_at"]))


def _visit(source: random.Random, at: datetime, *, is_spike: bool) -> list[dict[str, Any]]:
    """One click: what the browser, the backend and the database say of it."""
    route, module = source.choice(list(_PATHS.items()))
    method, path = route.split(" ")
    fails = source.random() < (0.7 if is_spike and module == "checkout" else 0.02)
    duration_ms = round(source.lognormvariate(4.2, 0.9) * (8 if is_spike else 1), 1)
    shared = {
        "trace_id": f"{source.getrandbits(128):032x}",
        "session_id": f"s-{source.randrange(4_000):04}",
        "user_id": f"u-{source.randrange(1_500):05}",
        "request_path": path,
        "request_method": method,
    }
    status = 502 if fails else 200

    def event(kind: str, after_ms: float, **fields: object) -> dict[str, Any]:
        moment = at + timedelta(milliseconds=after_ms)
        return {"kind": kind, "created_at": moment.isoformat(), **shared, **fields}

    events = [
        event(
            "log",
            0,
            level="INFO",
            source="frontend",
            module=f"web.{module}",
            message=f"clicked: {method} {path}",
        ),
        event(
            "log",
            8,
            level="ERROR" if fails else "INFO",
            source="backend",
            module=f"api.{module}",
            status_code=status,
            duration_ms=duration_ms,
            message=f"{method} {path} answered {status}",
            extra_data=_extra(source, module),
        ),
        event(
            "request",
            9,
            source="backend",
            module=f"api.{module}",
            status_code=status,
            duration_ms=duration_ms,
        ),
        event(
            "query",
            6,
            source="backend",
            module=f"db.{module}",
            statement=_STATEMENTS[module],
            duration_ms=round(duration_ms * 0.6, 1),
        ),
    ]
    if fails:
        thrown = {
            "type": "PaymentProviderError",
            "value": "the provider did not answer in time",
            "stacktrace": _STACK,
            "cause": [{"type": "TimeoutError", "value": "timed out"}],
        }
        events.append(
            event("exception", 10, source="backend", module=f"api.{module}", exception=thrown)
        )
    return events


def _extra(source: random.Random, module: str) -> dict[str, object]:
    """Some of it must not be kept: the gateway takes the secrets out."""
    extra: dict[str, object] = {"tenant": f"t{source.randrange(40)}"}
    if module == "auth":
        extra["form"] = {"email": "mira@example.com", "password": "correct-horse"}
    if module == "checkout":
        extra["card"] = "4111 1111 1111 1111"
    return extra
