"""Many increments of one document, added by hand."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from docustore.analytics.cube.moving import MANY_INCREMENTS, MOST_DOCUMENTS, Ids, heavy, moved

PATHS = st.sampled_from(["n", "registered", "r.01", "r.02", "rs.0137", "y2024.r05", "e.202409"])


@given(st.lists(st.dictionaries(PATHS, st.integers(-3, 3), max_size=7), max_size=6))
def test_increments_add_up(steps: list[dict[str, int]]) -> None:
    sums: dict[str, int] = {}
    document: dict[str, Any] = {"_id": "a", "r": {"03": 9}}
    for step in steps:
        document = moved(document, step)
        for path, number in step.items():
            sums[path] = sums.get(path, 0) + number

    assert document.pop("_id") == "a"
    assert document["r"].pop("03") == 9
    flat = {
        f"{part}.{name}" if name else part: number
        for part, own in document.items()
        for name, number in (own.items() if isinstance(own, dict) else [("", own)])
    }
    # Whether a document is removed depends on its own counters, so these stay at zero.
    assert flat == {path: number for path, number in sums.items() if number or "." not in path}


def test_documents_with_the_most_increments_are_written_back() -> None:
    def own(number: int) -> Ids:
        return (("d", "tag"), ("v", f"{number:03}"))

    increments = {own(count): {f"rs.{each:04}": 1 for each in range(count)} for count in range(170)}

    found = heavy(increments)

    assert len(found) == MOST_DOCUMENTS
    assert found == [own(count) for count in range(169, 169 - MOST_DOCUMENTS, -1)]
    assert heavy({own(1): increments[own(MANY_INCREMENTS - 1)]}) == []
    assert heavy({own(1): increments[own(MANY_INCREMENTS)]}) == [own(1)]
