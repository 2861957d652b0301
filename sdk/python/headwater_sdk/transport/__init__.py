"""From the caller's thread to the gateway: queue, batches, spool, attempts."""
