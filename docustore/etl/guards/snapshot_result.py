"""What a full reading lacked. Pure."""

from pydantic import BaseModel


class SnapshotResult(BaseModel):
    """The conclusion of one full reading.

    `seen` counts the records read, `absent` the identities that it lacked for the first time. `deactivated` counts
    those that the full reading before lacked too. `problem` says why nothing was concluded.
    """

    seen: int = 0
    absent: int = 0
    deactivated: int = 0
    problem: str | None = None

    @property
    def is_complete(self) -> bool:
        """True if the reading can show what is gone."""
        return self.problem is None

    def __str__(self) -> str:
        """Say it in one line."""
        if self.problem is not None:
            return f"nothing concluded: {self.problem}"
        return f"{self.absent:,} absent for the first time, {self.deactivated:,} deactivated"


class SourceSnapshot(BaseModel):
    """The last complete full reading of a source.

    Its absent keys are in `etl_snapshots`.
    """

    run_id: str
    absent: int = 0
