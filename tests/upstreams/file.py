"""A file, and a folder of files."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from docustore.source_options.kind import SourceKind
from docustore.source_settings import SourceSettings
from tests.upstreams.upstream import Record, Upstream


class FileUpstream(Upstream):
    """One NDJSON file that has every record."""

    kind: ClassVar[SourceKind] = SourceKind.FILE
    # A missing file is a wrong setting, which ends a run.
    can_stop: ClassVar[bool] = False

    def __init__(self, folder: Path) -> None:
        self.path = folder / "users.ndjson"
        self._records: dict[Any, Record] = {}

    async def put(self, records: Sequence[Record]) -> None:
        self._records |= {record["id"]: record for record in records}
        new = self.path.with_suffix(".new")
        new.write_text("".join(json.dumps(record) + "\n" for record in self._records.values()) or "\n")
        new.replace(self.path)

    def settings(self, **fields: Any) -> SourceSettings:
        return SourceSettings(kind="file", url=str(self.path), **fields)

    async def stop(self) -> None:
        pass

    async def start(self) -> None:
        pass
