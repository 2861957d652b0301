"""HTTP routes, one file a resource: parse, call, answer."""
