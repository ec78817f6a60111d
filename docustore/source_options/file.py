"""Settings of files. Pure."""

import codecs

from pydantic import Field, SecretStr, field_validator

from docustore.source_options.kind import SourceAddress


class FileOptions(SourceAddress):
    """How files are read; most is detected."""

    delimiter: str | None = Field(
        None, description="character between the fields of a CSV; the header line shows it if unset"
    )
    encoding: str | None = Field(
        None, description="encoding of a CSV, such as `cp1252`; UTF-8, UTF-16 and cp1252 are detected if unset"
    )
    storage: dict[str, SecretStr | bool | int] = Field(
        default_factory=dict,
        description="options of the fsspec file system, such as `endpoint_url`, `key`, `secret`",
    )

    @field_validator("delimiter")
    @classmethod
    def _delimiter_is_one_character(cls, delimiter: str | None) -> str | None:
        if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
            msg = "delimiter must be one character, and no quote"
            raise ValueError(msg)
        return delimiter

    @field_validator("encoding")
    @classmethod
    def _encoding_is_known(cls, encoding: str | None) -> str | None:
        if encoding is None:
            return None
        try:
            name = codecs.lookup(encoding).name
        except LookupError as exc:
            msg = f"there is no encoding {encoding!r}; use a name such as utf-8, utf-16 or cp1252"
            raise ValueError(msg) from exc
        # Excel marks its UTF-8 files. Without the suffix, the mark would be part of the first column's name.
        return "utf-8-sig" if name == "utf-8" else name
