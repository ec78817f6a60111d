"""Ctrl-C and SIGTERM: the first stops a command in order, the second at once."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from docustore.errors import DocustoreError

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class CommandInterruptedError(DocustoreError):
    """A signal stopped the command before it was done."""

    def __init__(self) -> None:
        super().__init__("interrupted before it was done: run the command again")


class Interruption:
    """Holds whether a signal asked the command to stop.

    The first signal cancels the command, so that every open block ends in order. The second sets `hurry`: the
    supervisor and the embedded servers then kill what still runs. Further signals change nothing.
    """

    def __init__(self) -> None:
        self.hurry: Final = asyncio.Event()
        self.is_requested = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Send the signals of this process to the task that enters the block."""
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
        """Treat a signal as the normal end of the block: the cancellation stops here."""
        try:
            yield
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self.is_requested or task is None:
                raise
            task.uncancel()
