"""Output of commands: tables for people, one JSON document for machines."""

import sys
from typing import Any

from pydantic_core import to_json
from rich.console import Console


def print_json(document: Any) -> None:
    """Print one JSON document and a line feed.

    Takes JSON types, aware datetimes (RFC 3339), pydantic models, dataclasses, enums, paths and UUIDs. Other
    values, such as an ObjectId, are printed by their `str`. Secrets stay masked; NaN is null.
    """
    sys.stdout.write(to_json(document, indent=2, fallback=str, inf_nan_mode="null").decode())
    sys.stdout.write("\n")
    sys.stdout.flush()


def console() -> Console:
    """Return a console on stdout, for the result of a command.

    Values come from any client: `[/b]` and `:heart:` in them are texts, no markup.
    """
    return Console(markup=False, emoji=False)


def notices() -> Console:
    """Return a console on stderr, for progress and remarks."""
    return Console(stderr=True, markup=False, emoji=False)
