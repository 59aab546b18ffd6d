"""Style sheet, scripts, pictures: read once, served under a name that changes with them, kept by browsers for ever."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

FOLDER = Path(__file__).parent / "static"
PATH = "/static/{version}/{name}"

_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".txt": "text/plain"}
_FOR_EVER = "public, max-age=31536000, immutable"


class StaticFiles(msgspec.Struct, frozen=True):
    """The files by name, and the version of them all."""

    files: dict[str, bytes]
    version: str

    def url_of(self, name: str) -> str:
        """Where browsers find a file.

        Raises:
            KeyError: there is no such file.
        """
        _ = self.files[name]
        return PATH.format(version=self.version, name=name)


def read_files(folder: Path) -> StaticFiles:
    """All files of a folder."""
    files = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix in _TYPES}
    digest = sha256()
    for name, content in files.items():
        digest.update(name.encode() + b"\0" + sha256(content).digest())
    return StaticFiles(files, digest.hexdigest()[:12])


STATIC = read_files(FOLDER)


async def serve_file(request: Request) -> Response:
    """A file; one of an older version is the present one, but is not kept."""
    name = request.path_params["name"]
    content = STATIC.files.get(name)
    if content is None:
        return PlainTextResponse("There is no such file.\n", 404)
    is_current = request.path_params["version"] == STATIC.version
    headers = {
        "cache-control": _FOR_EVER if is_current else "no-cache",
        "x-content-type-options": "nosniff",
    }
    return Response(content, media_type=_TYPES[Path(name).suffix], headers=headers)
