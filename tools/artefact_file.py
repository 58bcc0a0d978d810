"""A trained artefact as a file: read whole, or refused by name."""

from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from tools.errors import DataError
from tools.records import Record

Artefact = TypeVar("Artefact", bound=Record)


def read_artefact_file(model: type[Artefact], source: Path | Traversable, *, max_bytes: int, hint: str) -> Artefact:
    """hint  the way out, such as how to train it anew

    Raises  DataError: not there, too large, not JSON, or not an artefact: names the file and the field
    """
    try:
        with source.open("rb") as file:
            content = file.read(max_bytes + 1)
    except OSError as error:
        raise DataError(f"{source}: {error.strerror or error}", hint=hint) from None
    if len(content) > max_bytes:
        raise DataError(f"{source}: more than {max_bytes:,} bytes", hint=hint)
    try:
        return model.model_validate_json(content.decode())
    except UnicodeDecodeError as error:
        raise DataError(f"{source}: not UTF-8 text: {error}", hint=hint) from None
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the file"
        raise DataError(f"{source}: {field}: {first['msg']}", hint=hint) from None
