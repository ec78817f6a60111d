"""The process that sends one message through apprise.

Reads `{"url": ..., "title": ..., "body": ...}` as JSON from stdin. Exit code 0: delivered, or without a body, the
address is known; 1: refused; 2: no such kind of address.
"""

import json
import sys
from typing import Any

import apprise


def main() -> int:
    """Send the message of stdin; return the exit code."""
    message: dict[str, Any] = json.load(sys.stdin)
    channel = apprise.Apprise()
    if not channel.add(message["url"]):
        return 2
    if "body" not in message:
        return 0
    return 0 if channel.notify(title=message["title"], body=message["body"]) else 1


if __name__ == "__main__":
    sys.exit(main())
