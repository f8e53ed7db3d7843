"""The commands of `vitrina-server` that end by themselves."""

import asyncio
import os
import re
import subprocess
import sys

import msgspec
import pytest

from server.doctor import examine
from server.serving.models import ModelVersion
from server.shops.tenancy import ACROSS_SHOPS
from server.storage import database
from tests.learning.habits import open_with_habits

pytestmark = pytest.mark.slow


def vitrina(*arguments: str, **settings: str) -> subprocess.CompletedProcess:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("VITRINA_")}
    environment = inherited | {f"VITRINA_{name}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "server", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def test_help_names_every_command():
    said = vitrina("--help").stdout
    for command in (
        "up",
        "serve",
        "worker",
        "migrate",
        "demo",
        "evaluate",
        "doctor",
        "create-owner",
        "create-client",
        "rotate-keys",
        "config",
    ):
        assert re.search(rf"^    {command}\s", said, re.MULTILINE)


def test_unknown_command_and_wrong_settings_end_with_a_message():
    assert vitrina("bake").returncode == 2
    wrong = vitrina("config", PORT="0")
    assert wrong.returncode == 2
    assert "port" in wrong.stderr
    assert "Traceback" not in wrong.stderr
    assert "Options" in vitrina("serve", "--port", "70000").stderr


def test_doctor_of_a_new_folder_says_that_up_will_do_the_rest(tmp_path):
    said = vitrina("doctor", DATA_FOLDER=str(tmp_path), PORT="18219")
    assert said.returncode == 0, said.stdout + said.stderr
    assert "0001_initial" in said.stdout
    assert "vitrina-server up" in said.stdout


async def test_doctor_finds_a_redis_that_does_not_answer(settings):
    sick = msgspec.structs.replace(settings, redis_url="redis://127.0.0.1:1/0")
    (redis,) = [finding for finding in await examine(sick) if finding.part == "redis"]
    assert redis.verdict == "bad"
    assert "redis_url" in redis.advice


async def test_doctor_finds_the_database_of_a_newer_version(settings, db):
    await database.writer().execute_query(
        "INSERT INTO tortoise_migrations (app, name, applied_at) VALUES ('vitrina', '9999_future', '2030-01-01')"
    )
    await database.disconnect()
    try:
        (found,) = [finding for finding in await examine(settings) if finding.part == "database"]
        assert found.verdict == "bad"
        assert "newer Vitrina" in found.text
    finally:
        await database.connect(settings)
        await database.writer().execute_query("DELETE FROM tortoise_migrations WHERE name = '9999_future'")


async def test_evaluate_prints_what_each_model_finds_and_puts_nothing_live(settings, redis, shop):
    await open_with_habits(settings, redis, shop)
    told = {name: getattr(settings, name) for name in ("data_folder", "database_url", "redis_url")}
    where = {name.upper(): value for name, value in told.items()}
    said = await asyncio.to_thread(vitrina, "evaluate", shop.slug, **where)
    assert said.returncode == 0, said.stderr
    for word in ("NDCG@10", "MAP@10", "popularity", "co-visitation", "against popularity", "2,400 events"):
        assert word in said.stdout
    first, again = [await asyncio.to_thread(vitrina, "evaluate", shop.id, "--json", **where) for _ in range(2)]
    assert first.stdout == again.stdout, "the same data and seed give the same figures"
    assert msgspec.json.decode(first.stdout)["events"] == 2_400
    assert not await ModelVersion.exists(ACROSS_SHOPS)
    unknown = await asyncio.to_thread(vitrina, "evaluate", "nobody", **where)
    assert unknown.returncode == 1
    assert shop.slug in unknown.stderr


def test_owner_is_made_once_and_promoted_after_that(tmp_path):
    def run(*arguments: str, given: str = "") -> subprocess.CompletedProcess:
        environment = {"VITRINA_DATA_FOLDER": str(tmp_path), "VITRINA_LOG_LEVEL": "error", "PATH": os.environ["PATH"]}
        command = [sys.executable, "-m", "server", *arguments]
        return subprocess.run(command, env=environment, input=given, capture_output=True, text=True, timeout=60)

    weak = run("create-owner", "anna@shop.example", "--password-stdin", given="short\n")
    assert (weak.returncode, weak.stderr.count("\n")) == (1, 1)
    assert "at least 10" in weak.stderr
    made = run("create-owner", "Anna@shop.example", "--password-stdin", given="correct horse battery\n")
    assert made.returncode == 0, made.stderr
    assert "anna@shop.example may sign in" in made.stdout
    assert "correct horse" not in made.stdout + made.stderr
    assert run("create-owner", "anna@shop.example").returncode == 0, "who has an account is asked for no password"
    assert "no e-mail address" in run("create-owner", "anna").stderr
    assert "no shop" in run("create-owner", "anna@shop.example", "--shop", "none").stderr
    assert "client_secret" in run("create-client", "Reports", "--redirect", "https://r.example/cb", "--secret").stdout
    assert "https" in run("create-client", "Reports", "--redirect", "http://r.example/cb").stderr
    assert run("rotate-keys").returncode == 0
    assert (tmp_path / "secret.key").stat().st_mode & 0o077 == 0
