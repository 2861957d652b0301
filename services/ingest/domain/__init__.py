"""Pure parts of the gateway: from a body's bytes to rows and verdicts."""
