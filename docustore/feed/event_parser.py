"""Parse a stream of server-sent events. Pure.

See: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSentEvent:
    """One block of the stream.

    `id` is the last id so far, also of earlier blocks; None before the first one. A block without data has only
    moved the id: a browser does not show it.
    """

    name: str
    id: str | None
    data: str


class EventParser:
    """Collects bytes until blocks are complete."""

    def __init__(self) -> None:
        self._rest = b""
        self._id: str | None = None
        self._name = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """Take the next bytes; return the blocks that they complete."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        found = []
        for line in lines:
            text = line.removesuffix(b"\r").decode(errors="replace")
            if text:
                self._take(text)
            else:
                found.append(self._complete())
        return found

    def _take(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._name = value
        elif name == "data":
            self._data.append(value)
        elif name == "id" and "\0" not in value:
            self._id = value

    def _complete(self) -> ServerSentEvent:
        event = ServerSentEvent(name=self._name or "message", id=self._id, data="\n".join(self._data))
        self._name, self._data = "", []
        return event
