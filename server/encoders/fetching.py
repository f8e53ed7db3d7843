"""Fetching CLIP's weights from the hub, on a worker, in a process of its own that can be ended when it takes too long.

A failure is noted in the data folder, so that `auto` neither waits for the hub again at every task nor forgets why it
did not use CLIP. The address of the hub is the operator's (`HF_ENDPOINT`), never a shop's.
"""

import asyncio
import os
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from server.encoders import checkpoint
from server.settings import Settings

_REACH_S = 3.0  # a hub that does not take a connection in this time counts as out of reach
_FETCH_S = 300.0  # 600 MB at 16 Mbit/s; a slower line is better served by a folder prepared by hand
_RETRY_AFTER_S = 6 * 3600
_WANTED = ("config.json", "preprocessor_config.json", "tokenizer*.json", "special_tokens_map.json", "vocab.json")


def last_failure(settings: Settings) -> str:
    """Why the last attempt failed, if that was less than six hours ago; else empty."""
    note = _note(settings)
    try:
        return note.read_text() if time.time() - note.stat().st_mtime < _RETRY_AFTER_S else ""
    except OSError:
        return ""


async def fetch(settings: Settings) -> str:
    """Fetch the checkpoint that the settings name into the hub's cache; gives "" or why that was not possible."""
    failure = await _fetch(checkpoint.name_of(settings))
    if not failure and checkpoint.find(settings) is None:
        failure = f"{checkpoint.name_of(settings)} is not a whole CLIP checkpoint"
    note = _note(settings)
    if failure:
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(failure)
    else:
        note.unlink(missing_ok=True)
    return failure


async def _fetch(name: str) -> str:
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        return "CLIP's weights are not at hand, and HF_HUB_OFFLINE forbids fetching them"
    if not await _is_reachable(os.environ.get("HF_ENDPOINT") or "https://huggingface.co"):
        return "CLIP's weights are not at hand, and the hub cannot be reached from here"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "server.encoders.fetching", name, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(_FETCH_S):
            code = await process.wait()
    except TimeoutError:
        return f"fetching {name} from the hub took longer than {_FETCH_S / 60:.0f} minutes"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return f"the hub did not give out {name}; is the name right?" if code else ""


async def _is_reachable(endpoint: str) -> bool:
    if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        return True  # the way through a proxy is for the hub's own client to try
    address = urlsplit(endpoint)
    port = address.port or (80 if address.scheme == "http" else 443)
    try:
        async with asyncio.timeout(_REACH_S):
            _, writer = await asyncio.open_connection(address.hostname, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


def _note(settings: Settings) -> Path:
    return settings.folder / "encoders" / f"{checkpoint.name_of(settings).replace('/', '--')}.failure"


def _download(name: str) -> None:
    from huggingface_hub import HfApi, snapshot_download

    held = HfApi().list_repo_files(name)
    weights = next((file for file in checkpoint.WEIGHTS if file in held), None)
    if weights is None:
        raise SystemExit(f"{name} holds no weights that can be read safely")
    snapshot_download(name, allow_patterns=[*_WANTED, "merges.txt", weights])


if __name__ == "__main__":
    _download(sys.argv[1])
