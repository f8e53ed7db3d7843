"""An installation that others can reach does not start in the clear; one's own machine may."""

import os
import subprocess
import sys

import pytest

from server import checks
from server.settings import Settings

SHARED = {"database_url": "postgres://vitrina:hq7-Lp2z@db.internal/vitrina", "redis_url": "redis://redis.internal:6379"}
PUBLIC = SHARED | {"public_url": "https://recommend.example"}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (SHARED | {"host": "0.0.0.0"}, "is not https"),
        (SHARED | {"public_url": "http://recommend.example"}, "is not https"),
        ({"redis_url": "redis://redis.internal", "public_url": "http://10.0.0.7:8000"}, "is not https"),
        (PUBLIC | {"log_level": "debug"}, "debug"),
        (PUBLIC | {"database_url": "postgres://vitrina:vitrina@db.internal/vitrina"}, "everybody knows"),
        (PUBLIC | {"database_url": "postgres://vitrina@db.internal/vitrina"}, "no password"),
        (PUBLIC | {"redis_url": "redis://:secret@redis.internal"}, "everybody knows"),
    ],
)
def test_insecure_installation_is_refused_and_told_what_to_do(settings: dict[str, str], told: str) -> None:
    finding = checks.exposure(Settings(**settings))
    assert (finding.verdict, told in finding.text) == ("bad", True)
    assert "VITRINA_" in finding.advice
    assert "vitrina:vitrina" not in finding.text


@pytest.mark.parametrize(
    "settings",
    [
        PUBLIC,
        PUBLIC | {"database_url": "postgres://postgres:@/postgres?host=/run/pg", "redis_url": "unix:///run/redis.sock"},
        PUBLIC | {"database_url": "postgres://vitrina:vitrina@127.0.0.1/vitrina"},
    ],
)
def test_secure_installation_is_good(settings: dict[str, str]) -> None:
    assert checks.exposure(Settings(**settings)).verdict == "good"


@pytest.mark.parametrize(
    ("settings", "verdict"),
    [
        ({}, "good"),
        (SHARED, "good"),
        (SHARED | {"log_level": "debug"}, "good"),
        (SHARED | {"public_url": "http://localhost:8000"}, "good"),
        (SHARED | {"public_url": "http://[::1]:8000"}, "good"),
        ({"host": "0.0.0.0"}, "mind"),
        ({"public_url": "http://recommend.example"}, "mind"),
        ({"public_url": "https://recommend.example", "log_level": "debug"}, "mind"),
    ],
)
def test_trying_things_out_is_not_refused(settings: dict[str, str], verdict: str) -> None:
    assert checks.exposure(Settings(**settings)).verdict == verdict


@pytest.mark.slow
@pytest.mark.parametrize("command", ["serve", "worker", "up"])
def test_commands_end_with_the_message(command: str, settings: Settings) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VITRINA_")} | {
        "VITRINA_DATA_FOLDER": settings.data_folder,
        "VITRINA_DATABASE_URL": settings.database_url,
        "VITRINA_PUBLIC_URL": "http://recommend.example",
    }
    done = subprocess.run(
        [sys.executable, "-m", "server", command], env=environment, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 2
    assert "http://recommend.example is not https" in done.stderr
    assert "Traceback" not in done.stderr
