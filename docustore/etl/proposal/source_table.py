"""Write the proposed table of a source, with comments where it is unsure. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from docustore.etl.proposal.guess import Proposal
from docustore.etl.proposal.toml_text import comment, toml_line


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTable:
    """The settings of a source, as a document and as the text of a TOML file."""

    settings: dict[str, Any]
    text: str


def source_table(name: str, settings: Mapping[str, Any], proposal: Proposal, *, records: int) -> SourceTable:
    """Write the table `[sources.NAME]`.

    Args:
        settings: The settings besides the mapping.
        records: How many records the sample has.
    """
    lines = [
        comment(f"Proposed from {records} records. Check it with `docustore etl preview {name}`."),
        f"[sources.{name}]",
        *(toml_line(key, value) for key, value in settings.items()),
    ]
    mapped = [guess for guess in proposal.guesses if not guess.is_default]
    defaults = [guess for guess in proposal.guesses if guess.is_default]
    if mapped:
        lines += ["", f"[sources.{name}.map]"]
    for guess in mapped:
        lines += [comment(remark) for remark in guess.remarks]
        lines.append(toml_line(guess.name, guess.setting))
    if defaults:
        lines.append(comment(f"Read without a line here: {', '.join(guess.name for guess in defaults)}"))
    lines += [comment(remark) for guess in defaults for remark in guess.remarks]
    lines += [comment(remark) for remark in proposal.remarks]
    if proposal.left_out:
        lines.append(comment(f"Left out: {', '.join(proposal.left_out)}"))
    fields = {guess.name: guess.setting for guess in mapped}
    return SourceTable(settings={**settings, "map": fields}, text="\n".join(lines) + "\n")
