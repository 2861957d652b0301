"""The contract and the plumbing that at least two services share."""
