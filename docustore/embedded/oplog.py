"""The size of the oplog of an embedded mongod."""

from typing import Final

import structlog

from docustore.embedded.replica_set import Admin

MIB: Final = 2**20
COLLECTION: Final = "oplog.rs"

log = structlog.get_logger()


async def resize_oplog(client: Admin, *, mib: int) -> None:
    """Give the oplog of an existing folder the configured size.

    The start option of mongod counts only for a new folder. The file of a smaller oplog keeps its length on disk.
    """
    statistics = await client.local.get_collection(COLLECTION).aggregate([{"$collStats": {"storageStats": {}}}])
    size_bytes = (await statistics.to_list())[0]["storageStats"]["maxSize"]
    # Shown for the size of a new oplog: mongod rounds it.
    before_mib = round(size_bytes / MIB)
    if before_mib == mib:
        return
    await client.admin.command("replSetResizeOplog", size=float(mib))
    log.info("embedded.oplog_resized", before_mib=before_mib, after_mib=mib)
