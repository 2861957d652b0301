"""What can go wrong while storing.

WriterError
├── SliceMissing      a row's slice is not there (any more): make it and try again
└── TooManyRefused    a partition's rows are refused in masses: the cause is not a row
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
