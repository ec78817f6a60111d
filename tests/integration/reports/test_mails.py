"""Reports by mail: each recipient gets it, once, and no other person does."""

import asyncio
import json
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.message import Message
from email.policy import default

import pytest
from pydantic import SecretStr

from docustore.alerts import Reached, send_mails
from docustore.clock import now_utc
from docustore.config import Settings
from docustore.database import Database
from docustore.reports.schedule import deliver_due, deliver_now
from docustore.reports.store import find_report
from tests.integration.reports.test_reports import ADMIN, delivery, hourly, local, make_due

__all__ = ["local"]


@pytest.mark.parametrize("form", ["csv", "html"])
async def test_mail_has_the_rows(database: Database, local: Settings, form: str) -> None:
    async with smtp_server() as (port, mails):
        url = f"mailto://127.0.0.1:{port}?from=docustore@example.org"
        told = local.model_copy(update={"report_mail_url": SecretStr(url)})
        await hourly(database, told, mail_to=["ada@example.org", "bob@example.org"], format=form)

        found = await deliver_now(database, told, "hours", actor=ADMIN)

    assert (found["state"], found["error"]) == ("delivered", None)
    assert sorted(recipient for to, _ in mails for recipient in to) == ["ada@example.org", "bob@example.org"]
    parts = {part.get_content_type(): part for part in mails[0][1].walk()}
    if form == "csv":
        [attached] = [part for part in mails[0][1].walk() if part.get_filename()]
        assert attached.get_filename().startswith("hours-")
        content = attached.get_payload(decode=True)
        assert isinstance(content, bytes)
        assert content.decode().replace("\r\n", "\n") == "role,users\n'=admin,2\n<b>,1\n"
    else:
        assert "<td>&lt;b&gt;</td>" in parts["text/html"].get_content()
    assert "mailto" not in json.dumps(await find_report(database, "hours"), default=str)


@pytest.mark.parametrize(
    ("given", "recipient"),
    [
        ("o'brien@example.org", "o'brien@example.org"),
        ("ada+x=1@example.org", "ada+x=1@example.org"),
        ("ada@exämple.org", "ada@xn--exmple-cua.org"),
    ],
)
async def test_mail_goes_to_its_recipient(database: Database, local: Settings, given: str, recipient: str) -> None:
    """Never to an address that a parser finds in it."""
    async with smtp_server() as (port, mails):
        told = with_mail(local, port)
        await hourly(database, told, mail_to=[given])

        found = await deliver_now(database, told, "hours", actor=ADMIN)

    assert (found["state"], [to for to, _ in mails]) == ("delivered", [[recipient]])


async def test_only_recipients_without_the_mail_get_it_again(database: Database, local: Settings) -> None:
    refused = {"bob@example.org"}
    async with smtp_server(refused) as (port, mails):
        told = with_mail(local, port)
        await hourly(database, told, mail_to=["ada@example.org", "bob@example.org", "eve@example.org"])
        first = await deliver_now(database, told, "hours", actor=ADMIN)
        refused.clear()
        await make_due(database)
        await deliver_due(database, told, now=now_utc())

    assert (first["state"], first["error"]) == ("due", "refused for 1 of 3 recipients: /mail_to/1")
    assert [to for to, _ in mails] == [["ada@example.org"], ["eve@example.org"], ["bob@example.org"]]
    assert ((await delivery(database))["state"], (await delivery(database))["error"]) == ("delivered", None)


async def test_mail_server_that_hangs_is_an_error(database: Database, local: Settings) -> None:
    """The recipients before it do not get the mail again."""
    async with smtp_server(hangs_for="bob@example.org") as (port, mails):
        url = f"mailto://127.0.0.1:{port}?from=docustore@example.org"
        reached = await send_mails(
            url, ["ada@example.org", "bob@example.org"], title="a", body="b", child_timeout_s=5.0
        )

    assert (reached, [to for to, _ in mails]) == (Reached((0,), "no answer in time"), [["ada@example.org"]])


def with_mail(settings: Settings, port: int) -> Settings:
    url = f"mailto://127.0.0.1:{port}?from=docustore@example.org"
    return settings.model_copy(update={"report_mail_url": SecretStr(url)})


@asynccontextmanager
async def smtp_server(
    refused: Collection[str] = (), *, hangs_for: str = ""
) -> AsyncIterator[tuple[int, list[tuple[list[str], Message]]]]:
    """Take mails by SMTP; yield the port, and recipients and message of each mail."""
    mails: list[tuple[list[str], Message]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        recipients: list[str] = []
        writer.write(b"220 test\r\n")
        while line := await reader.readline():
            verb = line[:4].upper()
            if verb == b"RCPT":
                recipient = line.decode().partition("<")[2].partition(">")[0]
                if recipient == hangs_for:
                    await reader.read()
                    break
                if recipient in refused:
                    writer.write(b"550 no such mailbox\r\n")
                    continue
                recipients.append(recipient)
            if verb == b"DATA":
                writer.write(b"354 go on\r\n")
                data = await reader.readuntil(b"\r\n.\r\n")
                mails.append((recipients, message_from_bytes(data[:-5], policy=default)))
                recipients = []
            writer.write(b"250 ok\r\n" if verb != b"QUIT" else b"221 bye\r\n")
            if verb == b"QUIT":
                break
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], mails
