"""Which batches are new, which are copies, and what that does to the ledger."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from services.writer.domain.arrivals import Arrival, Identity, Item, Undecodable
from services.writer.domain.ledger import Ledger


@dataclass
class Sifted:
    """What one transaction has to store."""

    new: list[Arrival] = field(default_factory=list)
    undecodable: list[Undecodable] = field(default_factory=list)
    ledger: Ledger = field(default_factory=Ledger)


def sift(items: Iterable[Item], known: Mapping[Identity, bytes]) -> Sifted:
    """Keep the first copy of every batch; `known` maps stored identities to their body's HMAC.

    A replayed dead letter moves its events in the ledger instead of adding them, and a second copy
    of one changes nothing there: the gateway never counted it as accepted.
    """
    sifted = Sifted()
    seen = dict(known)
    for item in items:
        if isinstance(item, Undecodable):
            sifted.undecodable.append(item)
            continue
        if not isinstance(item, Arrival):
            continue
        header = item.header
        is_letter = header.letter_id is not None
        row_count = item.row_count
        event_count = row_count + item.aggregated_only_count
        identity = item.identity
        first_hmac = seen.get(identity)
        if first_hmac is None:
            seen[identity] = header.body_hmac
            sifted.new.append(item)
            tally = sifted.ledger.of(header, item.partition)
            tally.stored += row_count
            tally.aggregated_only += item.aggregated_only_count
            if is_letter:
                tally.dead_lettered -= event_count
        elif not is_letter:
            tally = sifted.ledger.of(header, item.partition)
            tally.duplicate += event_count
            if first_hmac != header.body_hmac:
                tally.conflict += event_count
    return sifted
