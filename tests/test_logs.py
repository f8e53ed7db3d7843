"""What the log says, and what it never says: run in a process of its own, as a server is."""

import json
import subprocess
import sys
from typing import Any

import pytest


def written(script: str, **settings: str) -> list[str]:
    """The lines on standard error of a process that sets up its logs and runs `script`."""
    given = ", ".join(f"{name}={value!r}" for name, value in settings.items())
    program = f"from server import logs\nfrom server.settings import Settings\nlogs.set_up(Settings({given}))\n{script}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == ""
    return done.stderr.splitlines()


def parsed(script: str, **settings: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written(script, **settings)]


def test_lines_are_json_where_nobody_watches() -> None:
    script = 'import structlog; structlog.get_logger("x").info("item.stored", item="é", count=3)'
    (line,) = parsed(script)
    assert (line["event"], line["item"], line["count"], line["level"]) == ("item.stored", "é", 3, "info")
    assert line["time"].endswith("Z")


_LINE = 'line = logs.RequestLine("GET", "/v1/items", 200, 0.5, "req_1", "", "")'


def test_request_lines_say_the_same_in_both_forms() -> None:
    script = f"{_LINE}; logs.request_line(line)"
    (line,) = parsed(script)
    assert (line["event"], line["route"], line["level"]) == ("request", "/v1/items", "info")
    (text,) = written(script, log_format="console")
    assert "request" in text
    assert "/v1/items" in text


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_level_is_respected(log_format: str) -> None:
    script = (
        f'import structlog; log = structlog.get_logger(); log.info("quiet"); {_LINE}; logs.request_line(line);'
        'log.warning("loud")'
    )
    (line,) = written(script, log_level="warning", log_format=log_format)
    assert "loud" in line


def test_libraries_end_up_in_the_same_stream() -> None:
    script = 'import logging; logging.getLogger("uvicorn.error").warning("hello %s", "there")'
    (line,) = parsed(script)
    assert (line["event"], line["logger"], line["level"]) == ("hello there", "uvicorn.error", "warning")


def test_lines_of_one_request_carry_its_id() -> None:
    script = 'import structlog; logs.request_id.set("req_1"); structlog.get_logger().info("index.loaded")'
    assert parsed(script)[0]["request_id"] == "req_1"


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_traceback_is_logged_without_local_values(log_format: str) -> None:
    script = """
import structlog
def work(key):
    raise ValueError("no")
try:
    work("vsk_" + "secret")
except ValueError:
    structlog.get_logger().exception("work.failed")
"""
    text = "\n".join(written(script, log_format=log_format))
    assert "ValueError: no" in text
    assert "vsk_secret" not in text


def test_closed_stream_ends_nobody() -> None:
    script = "import os, structlog\nos.close(2)\nstructlog.get_logger().error('x')\nlogs.flush()"
    assert written(script) == []
