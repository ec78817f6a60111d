"""The process that sends one message through apprise.

Reads `{"url", "title", "body", "is_html", "attachment": {"name", "content"}, "to": [...]}` as JSON from stdin; the
last three may be left out. With `to`, each recipient gets a mail of its own, and the index of each one whose mail
was taken is a line of stdout. Exit code 0: delivered, or without a body, the address is known; 1: refused; 2: no
such kind of address.
"""

import json
import sys
from typing import Any
from urllib.parse import quote

import apprise
from apprise.attachment.memory import AttachMemory
from apprise.plugins.email import NotifyEmail


def main() -> int:
    """Send the message of stdin; return the exit code."""
    message: dict[str, Any] = json.load(sys.stdin)
    if "to" in message:
        return _mail(message)
    channel = apprise.Apprise()
    if not channel.add(message["url"]):
        return 2
    if "body" not in message:
        return 0
    return 0 if _is_sent(channel, message) else 1


def _mail(message: dict[str, Any]) -> int:
    for index, recipient in enumerate(message["to"]):
        url = message["url"]
        channel = apprise.Apprise.instantiate(f"{url}{'&' if '?' in url else '?'}to={quote(recipient, safe='@')}")
        if channel is None:
            return 2
        if isinstance(channel, NotifyEmail):
            # Its parser takes the end of o'brien@example.org, which is the address of another person.
            channel.targets = [(False, recipient)]
        if _addresses(channel) == [recipient] and _is_sent(channel, message):
            sys.stdout.write(f"{index}\n")
            # A later recipient may hang.
            sys.stdout.flush()
    return 0


def _addresses(channel: Any) -> list[str]:
    return [each if isinstance(each, str) else each[-1] for each in channel.targets]


def _is_sent(channel: Any, message: dict[str, Any]) -> bool:
    file = message.get("attachment")
    return bool(
        channel.notify(
            title=message["title"],
            body=message["body"],
            body_format=apprise.NotifyFormat.HTML if message.get("is_html") else None,
            attach=None if file is None else AttachMemory(content=file["content"], name=file["name"]),  # type: ignore[no-untyped-call]
        )
    )


if __name__ == "__main__":
    sys.exit(main())
