"""Algolia's recommend library for pages, as published on npm: the client and the lists."""

import subprocess
from pathlib import Path

FOLDER = Path(__file__).parent / "algolia"
FILES = ("recommend/dist/recommend.umd.js", "recommend-js/dist/umd/index.js")


def script() -> bytes:
    """Both files, one after the other; fetched by npm where they are not there yet."""
    modules = FOLDER / "node_modules" / "@algolia"
    if not modules.exists():
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=FOLDER, check=True)
    return b"\n".join((modules / name).read_bytes() for name in FILES)
