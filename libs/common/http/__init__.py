"""HTTP plumbing: problem+json, paging, health, serving."""
