"""What can go wrong while storing.

WriterError
├── SliceMissing      a row's slice is not there (any more): make it and try again
├── TooManyRefused    a partition's rows are refused in masses: the cause is not a row
├── MergeMismatch     a slice does not hold the rows that were counted for it
└── MergeOvertaken    slices were changed while they were being merged
"""


class WriterError(Exception):
    """Nothing was stored; the transaction was rolled back."""


class SliceMissing(WriterError):
    """No slice takes one of the rows, though it was there a moment ago."""


class TooManyRefused(WriterError):
    """Too large a share of a partition's latest events was refused."""

    def __init__(self, partition: int) -> None:
        super().__init__(f"partition {partition}")
        self.partition = partition


class MergeMismatch(WriterError):
    """A slice does not hold the rows that were counted for it: somebody has to look."""

    def __init__(self, slice_name: str, what: str) -> None:
        super().__init__(f"{slice_name}: {what}")
        self.slice_name = slice_name


class MergeOvertaken(WriterError):
    """The slices are not what they were when the merge began: plan it anew."""
