"""Files that browsers may keep: the demo's styles, scripts, fonts and Luma's photographs."""

from pathlib import Path
from typing import Any

from starlette.responses import Response
from starlette.staticfiles import StaticFiles

_ASK_AGAIN = "no-cache"  # scripts ask for one another by plain names
_FOR_GOOD = "public, max-age=31536000, immutable"  # the address carries a mark of the content
_A_WEEK = "public, max-age=604800"  # photographs, patterns and typefaces keep their names


class Pictures(StaticFiles):
    """The files of one folder, none of the files beside it, each with a time to keep it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder)

    def file_response(self, *args: Any, **options: Any) -> Response:
        """One file, with how long to keep it."""
        path, scope = str(args[0]), args[2]
        answer = super().file_response(*args, **options)
        marked = scope["query_string"].startswith(b"v=")
        answer.headers["Cache-Control"] = _FOR_GOOD if marked else _ASK_AGAIN if path.endswith(".js") else _A_WEEK
        return answer
