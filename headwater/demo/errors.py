"""Why a demo ended early."""


class DemoFailed(Exception):
    """The demo cannot go on; the text says why and what to do."""
