"""What to store of the records that arrived, and where: pure functions and frozen data."""
