"""Makes an event smaller that is too large for the gateway."""

from headwater_sdk.options import Event

_MESSAGE_LENGTH = 2_000
_FRAMES = 10


def shrink(event: Event) -> None:
    """Cut an event down to what it is about; its context goes, and the event says so."""
    event["extra_data"] = {"_truncated": True}
    if isinstance(event.get("message"), str):
        event["message"] = event["message"][:_MESSAGE_LENGTH]
    for name in ("request_path", "statement"):
        if isinstance(event.get(name), str):
            event[name] = event[name][:_MESSAGE_LENGTH]
    exception = event.get("exception")
    if isinstance(exception, dict):
        exception.pop("cause", None)
        exception["value"] = str(exception.get("value", ""))[:_MESSAGE_LENGTH]
        exception["stacktrace"] = list(exception.get("stacktrace") or ())[:_FRAMES]
