"""The records of a plan whose writes did not succeed, by their indexes."""

from dataclasses import dataclass, field

from docustore.errors import FieldError


@dataclass(slots=True, kw_only=True)
class Unwritten:
    """Records to reclassify.

    `lost`: not written, because another writer came first. `unsure`: the server does not say whether they are
    written. `refused`: not written; if the record was written alone, a repetition is refused too.
    """

    lost: set[int] = field(default_factory=set)
    unsure: set[int] = field(default_factory=set)
    refused: dict[int, FieldError] = field(default_factory=dict)

    def add(self, other: "Unwritten") -> None:
        """Add the records of another part of the plan."""
        self.lost |= other.lost
        self.unsure |= other.unsure
        self.refused |= other.refused
