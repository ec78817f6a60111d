"""Checks of MongoDB: connection, version, replica set, writes, clock, oplog."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, Final

from bson import ObjectId
from pymongo import AsyncMongoClient, WriteConcern
from pymongo.errors import OperationFailure, PyMongoError

from docustore.cli.checks.finding import Finding, failed, ok, skipped, warning
from docustore.cli.checks.unreachable import unreachable_finding
from docustore.config import Settings
from docustore.database import AWARE, MALFORMED, URL_PROBLEM

Client = AsyncMongoClient[dict[str, Any]]

# Pre- and post-images of changes need 6.0.
OLDEST_VERSION: Final = (6, 0)
TIMEOUT_MS: Final = 5000
# Leases and watermarks use the server's clock, logs and times of the API use this machine's clock.
TOLERABLE_SKEW_S: Final = 2.0
WORST_SKEW_S: Final = 30.0
# A listener that was down for a day must still find its position in the oplog.
COMFORTABLE_WINDOW_H: Final = 24.0
FULL_SHARE: Final = 0.9
SECONDS_PER_HOUR: Final = 3600


async def mongodb_findings(settings: Settings) -> AsyncIterator[Finding]:
    """Yield the findings one by one; stops after a failed connection."""
    if settings.mongodb_url is None:
        yield failed("mongodb", "no address", next_step="set DOCUSTORE_MONGODB_URL, or run `docustore up`")
        return
    try:
        client: Client = AsyncMongoClient(
            settings.mongodb_url, serverSelectionTimeoutMS=TIMEOUT_MS, tz_aware=True, appname="docustore-doctor"
        )
    except MALFORMED:
        yield failed("mongodb", URL_PROBLEM, next_step="correct DOCUSTORE_MONGODB_URL")
        return
    async with client:
        try:
            before = datetime.now(UTC)
            hello = await client.admin.command("hello", codec_options=AWARE)
            after = datetime.now(UTC)
            version = (await client.admin.command("buildInfo"))["version"]
        except PyMongoError as exc:
            yield await unreachable_finding(settings.mongodb_url, exc)
            return
        yield ok("mongodb", "answers")
        yield _version_finding(version)
        yield _replica_set_finding(hello)
        yield await _majority_write_finding(client, settings)
        yield _clock_finding((hello["localTime"] - (before + (after - before) / 2)).total_seconds())
        yield await _oplog_finding(client)


def _version_finding(version: str) -> Finding:
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_VERSION:
        return failed("mongodb version", version, next_step="upgrade MongoDB to 6.0 or later")
    return ok("mongodb version", version)


def _replica_set_finding(hello: dict[str, Any]) -> Finding:
    if "setName" in hello:
        return ok("replica set", f"{hello['setName']} with {len(hello.get('hosts', []))} member(s)")
    if hello.get("msg") == "isdbgrid":
        return ok("replica set", "sharded cluster")
    return failed(
        "replica set",
        "a single server",
        next_step="start mongod with --replSet and run rs.initiate(): transactions and change streams need it",
    )


async def _majority_write_finding(client: Client, settings: Settings) -> Finding:
    majority = WriteConcern(w="majority", wtimeout=TIMEOUT_MS)
    users = client.get_database(settings.mongodb_database).get_collection("users", write_concern=majority)
    try:
        # Matches and changes no document, but waits for the majority as any write does.
        await users.update_one({"_id": ObjectId()}, {"$set": {"version": 0}})
    except PyMongoError as exc:
        return failed(
            "majority write",
            f"refused or not confirmed in {TIMEOUT_MS // 1000} s ({type(exc).__name__})",
            next_step="check that most members of the set are up (rs.status()) and that the user may write",
        )
    return ok("majority write", "confirmed")


def _clock_finding(skew_s: float) -> Finding:
    seen = f"MongoDB's clock is {abs(skew_s):.1f} s {'ahead' if skew_s > 0 else 'behind'}"
    if abs(skew_s) > WORST_SKEW_S:
        return failed("clocks", seen, next_step="run a time service (NTP) on both machines")
    if abs(skew_s) > TOLERABLE_SKEW_S:
        return warning("clocks", seen, next_step="check the time service (NTP) on both machines")
    return ok("clocks", seen)


async def _oplog_finding(client: Client) -> Finding:
    oplog = client.local.get_collection("oplog.rs")
    try:
        first = await oplog.find_one({}, {"ts": 1}, sort=[("$natural", 1)])
        last = await oplog.find_one({}, {"ts": 1}, sort=[("$natural", -1)])
        stats = await (await oplog.aggregate([{"$collStats": {"storageStats": {}}}])).to_list()
    except OperationFailure as exc:
        return skipped("oplog window", f"may not be read by this user (code {exc.code})")
    if first is None or last is None:
        return skipped("oplog window", "no oplog here")
    window_h = (last["ts"].time - first["ts"].time) / SECONDS_PER_HOUR
    used = stats[0]["storageStats"]["size"] / stats[0]["storageStats"]["maxSize"]
    seen = f"{window_h:.1f} h, {used:.0%} of its size used"
    # An oplog that is not full covers the age of the server, which may be short.
    if used >= FULL_SHARE and window_h < COMFORTABLE_WINDOW_H:
        return warning(
            "oplog window",
            seen,
            next_step="raise the oplog's size (DOCUSTORE_OPLOG_MIB, or replSetResizeOplog on your own servers): "
            "else a listener that was down loses its place",
        )
    return ok("oplog window", seen)
