"""Which of the cases that follow from the description `make test` sends."""

from collections.abc import Hashable


class Sample:
    """Takes a case if it breaks or keeps a rule that is new for its operation, or new for the parameter.

    So each operation meets each kind of rule, and each parameter each of its rules in the first operation with it.
    The same description gives the same sample.
    """

    def __init__(self) -> None:
        self._seen: set[Hashable] = set()

    def takes(self, operation: str, scenario: str, place: Hashable) -> bool:
        keys = {("operation", operation, scenario), ("place", place, scenario)}
        is_new = not keys <= self._seen
        self._seen |= keys
        return is_new
