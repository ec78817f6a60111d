"""The sample of a proposal, from several files."""

from pathlib import Path

from docustore.etl.proposal.sample import sample_of
from docustore.etl.sources.registry import source_by_address


async def test_sample_of_a_folder_and_of_a_pattern(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("E-Mail;Vorname\na@example.org;Ada\n")
    (tmp_path / "b.csv").write_text("E-Mail;Vorname\nb@example.org;Bob\n")

    for address in (str(tmp_path), str(tmp_path / "*.csv")):
        name, source = source_by_address(address, required=("email",))
        found = await sample_of(name, source)

        assert [record["Vorname"] for record in found] == ["Ada", "Bob"]
