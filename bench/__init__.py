"""Measurements: ratios within one run, against the bare bound on the same machine."""
