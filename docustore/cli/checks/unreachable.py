"""Why MongoDB cannot be used: each member of the URL is asked on its own."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.uri_parser import parse_uri

from docustore.cli.checks.finding import Finding, failed

CHECK: Final = "mongodb"
PROBE_MS: Final = 2000
AUTHENTICATION_FAILED: Final = 18
Hello = Mapping[str, Any]
# Words of the driver and of the operating system, by which a cause can be told.
REASONS: Final = (
    ("Errno 111", "connection refused"),
    ("Name or service not known", "unknown host name"),
    ("getaddrinfo", "unknown host name"),
    ("SSL", "TLS failed"),
    ("certificate", "TLS failed"),
    ("timed out", "no answer in time"),
)


async def unreachable_finding(url: str, error: PyMongoError) -> Finding:
    """Say why there is no usable server, and what to do."""
    if isinstance(error, OperationFailure):
        if error.code == AUTHENTICATION_FAILED:
            return failed(
                CHECK,
                "refuses the credentials",
                next_step="correct user, password and authSource in DOCUSTORE_MONGODB_URL",
            )
        return failed(CHECK, f"refuses to answer (code {error.code})", next_step="check the rights of the user")
    try:
        parsed = parse_uri(url)
    except PyMongoError as exc:  # the host names of mongodb+srv:// are looked up
        return failed(
            CHECK,
            f"its host names are not found ({type(exc).__name__})",
            next_step="correct DOCUSTORE_MONGODB_URL, or the name service of this machine",
        )
    options = {name: value for name, value in parsed["options"].items() if name.lower().startswith("tls")}
    hosts = [f"{host}:{port}" for host, port in parsed["nodelist"]]
    replies = await asyncio.gather(*(_hello(host, options) for host in hosts))
    seen, next_step = diagnosis(parsed["options"].get("replicaSet"), dict(zip(hosts, replies, strict=True)))
    return failed(CHECK, seen, next_step=next_step)


async def _hello(host: str, options: dict[str, Any]) -> Hello | str:
    async with AsyncMongoClient[dict[str, Any]](
        host, directConnection=True, serverSelectionTimeoutMS=PROBE_MS, connectTimeoutMS=PROBE_MS, **options
    ) as client:
        try:
            return await client.admin.command("hello")
        except PyMongoError as exc:
            return next((reason for word, reason in REASONS if word in str(exc)), type(exc).__name__)


def diagnosis(wanted: str | None, replies: Mapping[str, Hello | str]) -> tuple[str, str]:
    """Return what is wrong and the next step.

    Args:
        wanted: The name of the replica set in the URL.
        replies: By member: its answer to `hello`, or why there is none.
    """
    answers = {host: reply for host, reply in replies.items() if not isinstance(reply, str)}
    if not answers:
        silent = ", ".join(f"{host} ({reply})" for host, reply in replies.items())
        return f"no answer from {silent}", "start MongoDB there, or correct DOCUSTORE_MONGODB_URL"
    for host, reply in answers.items():
        name = reply.get("setName")
        if name is None and reply.get("isreplicaset"):
            return f"the replica set of {host} is not initiated", "run rs.initiate() on it"
        if name is None and wanted is not None:
            return (
                f"{host} is a single server, the URL names the replica set {wanted}",
                f"start mongod with --replSet {wanted} and run rs.initiate()",
            )
        if wanted is not None and name != wanted:
            return (
                f"the replica set of {host} is {name}, the URL names {wanted}",
                "correct replicaSet= in DOCUSTORE_MONGODB_URL",
            )
    name, members = next((reply.get("setName"), reply.get("hosts", [])) for reply in answers.values())
    if any(reply.get("primary") for reply in answers.values()):
        return (
            f"the members of {name} call themselves {', '.join(members)}, and not all answer under these names",
            "make these names and ports reachable from this machine (rs.conf() has them)",
        )
    return f"{name} has no primary", "start enough members for a majority; rs.status() shows them"
