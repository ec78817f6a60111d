"""The order between sources: `after = ["hr"]`. Pure."""

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

from docustore.source_settings import SourceSettings


def require_possible_order(sources: Mapping[str, SourceSettings]) -> None:
    """Check that every source can have its turn.

    Raises:
        ValueError: A source waits for one that is not configured, for one without a schedule, or, through any
            number of others, for itself.
    """
    for name, source in sources.items():
        for earlier in source.after:
            if earlier not in sources:
                msg = f"{name} runs after {earlier!r}, which is not configured"
                raise ValueError(msg)
            if sources[earlier].recurrence is None:
                msg = f"{name} runs after {earlier}, which has no schedule and so no slots; give it one"
                raise ValueError(msg)
    try:
        TopologicalSorter({name: source.after for name, source in sources.items()}).prepare()
    except CycleError as exc:
        # The second argument is the cycle, with its first name at both ends.
        msg = f"the sources wait for each other: {' after '.join(reversed(exc.args[1]))}; remove one `after`"
        raise ValueError(msg) from exc
