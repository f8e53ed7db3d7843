"""Which encoders are chosen, on what is really installed here, with and without CLIP's weights at hand."""

import asyncio
import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from server.encoders import choice, fetching
from server.encoders.choice import choose
from server.encoders.encoder import load
from server.settings import Settings
from tests.encoders.checkpoints import write_clip

HUB_NAME = "models--openai--clip-vit-base-patch32"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub-home"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nothing listens there
    return Settings(data_folder=str(tmp_path / "data"))


def put_checkpoint(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (folder / name).write_text("{}")


def test_without_clip_it_is_minilm_and_visual(here: Settings) -> None:
    chosen = choose(here)
    assert (chosen.text, chosen.image) == ("minilm", "visual")
    assert "not on this machine" in chosen.reason


def test_clip_in_the_hub_cache_is_used(here: Settings, tmp_path: Path) -> None:
    put_checkpoint(tmp_path / "hub-home" / "hub" / HUB_NAME / "snapshots" / "abc")
    chosen = choose(here)
    assert (chosen.text, chosen.image) == ("clip", "clip")
    assert "hub's cache" in chosen.reason
    assert not choice.may_fetch(here)


def test_clip_in_a_folder_is_used_and_its_path_not_told(tmp_path: Path, here: Settings) -> None:
    put_checkpoint(tmp_path / "clip")
    settings = Settings(data_folder=here.data_folder, clip=str(tmp_path / "clip"))
    chosen = choose(settings)
    assert (chosen.text, chosen.image) == ("clip", "clip")
    assert str(tmp_path) not in chosen.reason


def test_half_a_checkpoint_is_none(tmp_path: Path, here: Settings) -> None:
    put_checkpoint(tmp_path / "clip")
    (tmp_path / "clip" / "model.safetensors").unlink()
    settings = Settings(data_folder=here.data_folder, clip=str(tmp_path / "clip"))
    assert choose(settings).text == "minilm"
    assert not choice.may_fetch(settings)  # a folder is not something to fetch


@pytest.mark.parametrize(
    ("encoder", "text", "image"),
    [("minilm", "minilm", ""), ("visual", "", "visual"), ("minilm+visual", "minilm", "visual"),
     ("clip", "clip", "clip")],
)  # fmt: skip
def test_setting_decides(here: Settings, encoder: str, text: str, image: str) -> None:
    settings = Settings(data_folder=here.data_folder, encoder=encoder)  # type: ignore[arg-type]
    assert (choose(settings).text, choose(settings).image) == (text, image)


async def test_hub_out_of_reach_is_found_out_fast_and_remembered(here: Settings) -> None:
    assert choice.may_fetch(here)
    started = time.monotonic()
    failure = await fetching.fetch(here)
    assert time.monotonic() - started < 5
    assert "cannot be reached" in failure
    assert not choice.may_fetch(here)
    assert choose(here).reason == failure
    note = next((here.folder / "encoders").iterdir())
    os.utime(note, (time.time() - 7 * 3600,) * 2)
    assert choice.may_fetch(here)  # hours later it may be there


async def test_offline_setting_of_the_hub_is_respected(here: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "HF_HUB_OFFLINE" in await fetching.fetch(here)


@pytest.mark.slow
async def test_hub_that_knows_no_such_model_is_said_so(here: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    async with server:
        assert "did not give out" in await fetching.fetch(here)


class Hub(BaseHTTPRequestHandler):
    """As much of the hub as its client asks for when it fetches a model."""

    protocol_version = "HTTP/1.1"
    folder: Path
    commit = "0123456789abcdef0123456789abcdef01234567"

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        names = sorted(file.name for file in self.folder.iterdir())
        if "/tree/" in path:
            return self.answer(json.dumps([{"type": "file", "path": name, "size": 1, "oid": name} for name in names]))
        if path.startswith("/api/"):
            siblings = [{"rfilename": name} for name in names]
            return self.answer(json.dumps({"id": "openai/clip", "sha": self.commit, "siblings": siblings}))
        return self.answer((self.folder / path.rpartition("/")[2]).read_bytes())

    do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

    def answer(self, body: str | bytes) -> None:
        body = body.encode() if isinstance(body, str) else body
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{hashlib.sha1(body).hexdigest()}"')
        self.send_header("X-Repo-Commit", self.commit)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.slow
async def test_weights_are_fetched_once_and_then_used(
    here: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Hub.folder = write_clip(tmp_path / "on-the-hub")
    (Hub.folder / "tf_model.h5").write_bytes(b"not wanted")
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert await fetching.fetch(here) == ""
        server.shutdown()
    assert (choose(here).text, choose(here).image) == ("clip", "clip")
    assert not choice.may_fetch(here)
    assert load("clip", here).encode_texts(["shirt"]).shape == (1, 24)
    assert not list((tmp_path / "hub-home").rglob("tf_model.h5"))


def test_choosing_loads_no_model_library() -> None:
    program = (
        "import sys; from server.settings import Settings; from server.encoders.choice import choose;"
        "choose(Settings());"
        "print([name for name in ('torch', 'transformers', 'skimage', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
