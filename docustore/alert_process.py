"""The process that sends one message through apprise.

Reads `{"url", "title", "body", "is_html", "attachment": {"name", "content"}}` as JSON from stdin; the last two may
be left out. Exit code 0: delivered, or without a body, the
address is known; 1: refused; 2: no such kind of address.
"""

import json
import sys
from typing import Any

import apprise
from apprise.attachment.memory import AttachMemory


def main() -> int:
    """Send the message of stdin; return the exit code."""
    message: dict[str, Any] = json.load(sys.stdin)
    channel = apprise.Apprise()
    if not channel.add(message["url"]):
        return 2
    if "body" not in message:
        return 0
    file = message.get("attachment")
    is_sent = channel.notify(
        title=message["title"],
        body=message["body"],
        body_format=apprise.NotifyFormat.HTML if message.get("is_html") else None,
        attach=None if file is None else AttachMemory(content=file["content"], name=file["name"]),  # type: ignore[no-untyped-call]
    )
    return 0 if is_sent else 1


if __name__ == "__main__":
    sys.exit(main())
