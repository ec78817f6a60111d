"""Ctrl-C and SIGTERM: the first ends a command in order, the second hurries."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from docustore.errors import DocustoreError

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class CommandInterruptedError(DocustoreError):
    """The command was told to end before it was done."""

    def __init__(self) -> None:
        super().__init__("interrupted before it was done: run it again")


class Interruption:
    """Whether the command was told to end.

    The first signal cancels the command, so that every open block ends in order; the second sets `hurry`, at
    which the supervisor and the embedded servers kill what has not ended yet. More change nothing.
    """

    def __init__(self) -> None:
        self.hurry: Final = asyncio.Event()
        self.is_requested = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take the signals of this process for the task that enters the block."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def on_signal() -> None:
            if self.is_requested:
                self.hurry.set()
            elif task is not None:
                self.is_requested = True
                task.cancel()

        for number in SIGNALS:
            loop.add_signal_handler(number, on_signal)
        try:
            yield
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)

    @contextmanager
    def forgiven(self) -> Iterator[None]:
        """Let a block that only a signal ends count as done: the cancellation goes no further than the block."""
        try:
            yield
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self.is_requested or task is None:
                raise
            task.uncancel()
