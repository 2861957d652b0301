"""HTTP routes of the gateway, one file a wire format."""
