"""A fake part of the service that records its start and its end.

Usage: `python fake_child.py NAME JOURNAL`. `api` answers every GET with 200 on DOCUSTORE_PORT; `stubborn` ignores
SIGTERM; `broken` ends at once.
"""

import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import FrameType


class Ready(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()


def main(name: str, journal: Path) -> None:
    def note(event: str) -> None:
        with journal.open("a") as file:
            file.write(f"{name} {event}\n")

    def end(_number: int, _frame: FrameType | None) -> None:
        note("ended")
        os._exit(0)

    if name == "broken":
        sys.exit("this part is broken")
    signal.signal(signal.SIGTERM, signal.SIG_IGN if name == "stubborn" else end)
    note(f"started {os.environ['DOCUSTORE_MONGODB_URL']}")
    if name == "api":
        HTTPServer(("127.0.0.1", int(os.environ["DOCUSTORE_PORT"])), Ready).serve_forever()
    threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
