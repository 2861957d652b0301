"""What the gateway does beside answering requests."""
