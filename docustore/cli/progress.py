"""The progress of a command on a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from docustore.cli.output import notices

# Takes `completed`, `total` and `description`; what is left out stays.
Update = Callable[..., Any]


@contextmanager
def progress_bar(description: str, *, total: int | None, is_shown: bool) -> Iterator[Update]:
    """Show a bar on stderr for the length of a block.

    Args:
        total: None is not known yet.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=notices(), transient=True, disable=not is_shown) as bar:
        yield partial(bar.update, bar.add_task(description, total=total))
