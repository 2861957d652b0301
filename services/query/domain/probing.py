"""How many of the nearest rows are looked through, along the key, before anything else is tried.

Where what is sought is frequent they fill the page. An index would bring all its rows to be sorted;
a scan of a hot slice, where there is no index of contents, reads all rows of the slice.
"""

_MOST_PROBED = 20_000
_LEAST_PROBED = 1_000
_PROBED_OF_ROOT = 20
"""Looking through p of n rows costs p x 0.5 us. If they do not fill a page of 100, at most 100 in p
match, which the index finds at n x 100 / p x 2 us. Both cost the same at p = 20 x the root of n."""

SAMPLE_COUNT = 2_000
"""Rows of a hot slice that tell how frequent is what is sought: 1 ms. A value in every 200th row,
which nobody tells the planner of, is there ten times."""
_MOST_WALKED = 60_000
"""Looking through these costs 30 ms, half of what two processes take to scan a full hot slice."""
_SPARE = 1.5
"""A sample is one by chance, and what comes in bursts is rarer between them."""


def probed_count(row_count: int) -> int:
    """Return how many rows of a sealed window of so many are looked through; 0 = not known."""
    if not row_count:
        return _MOST_PROBED
    return min(max(int(_PROBED_OF_ROOT * row_count**0.5), _LEAST_PROBED), _MOST_PROBED)


def walked_count(found_count: int, wanted_count: int) -> int:
    """Return how many rows to look through for a page, by what the sample had of it.

    0: they are too many, or nobody knows; scan the slice.
    """
    if not found_count:
        return 0
    count = int(_SPARE * SAMPLE_COUNT * wanted_count / found_count)
    return count if count <= _MOST_WALKED else 0
