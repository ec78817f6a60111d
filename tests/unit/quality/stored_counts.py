"""The documents that increments make in an empty store."""

from typing import Any

from docustore.quality.counts import QualityCounts


def stored(counts: QualityCounts) -> list[dict[str, Any]]:
    return [{"_id": name, **_nested(increments)} for name, increments in counts.increments().items()]


def _nested(increments: dict[str, int]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path, number in increments.items():
        *parents, name = path.split(".")
        place = found
        for parent in parents:
            place = place.setdefault(parent, {})
        place[name] = number
    return found
