"""Where settings come from, what happens to wrong ones, and that the page about them is true."""

from pathlib import Path

import pytest

from server import configuring
from server.settings import SettingsError, load

PAGE = Path(__file__).parents[1] / "docs" / "configuration.md"


def test_environment_wins_over_the_file_and_the_file_over_the_default(tmp_path):
    file = tmp_path / "vitrina.toml"
    file.write_text('port = 9000\nhost = "0.0.0.0"\n[image_folders]\n"/media/" = "/srv"\n')
    settings = load({"VITRINA_PORT": "9001"}, file)
    assert (settings.port, settings.host, settings.log_level) == (9001, "0.0.0.0", "info")
    assert settings.image_folders == {"/media/": "/srv"}


def test_file_can_be_named(tmp_path):
    (tmp_path / "mine.toml").write_text("port = 9000")
    assert load({"VITRINA_CONFIG": str(tmp_path / "mine.toml")}).port == 9000
    with pytest.raises(SettingsError, match="does not exist"):
        load({"VITRINA_CONFIG": str(tmp_path / "none.toml")})


def test_common_names_of_addresses_are_read(tmp_path):
    settings = load({"DATABASE_URL": "postgres://h/x", "REDIS_URL": "redis://h"}, tmp_path / "none")
    assert (settings.database_url, settings.redis_url) == ("postgres://h/x", "redis://h")
    assert (
        load({"REDIS_URL": "redis://a", "VITRINA_REDIS_URL": "redis://b"}, tmp_path / "none").redis_url == "redis://b"
    )


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"VITRINA_PORT": "70000"}, "port"),
        ({"VITRINA_PORT": "many"}, "port"),
        ({"VITRINA_PROT": "8000"}, "VITRINA_PROT is not a setting"),
        ({"VITRINA_ENCODER": "magic"}, "encoder"),
        ({"VITRINA_REDIS_URL": "http://h"}, "redis_url"),
        ({"VITRINA_DATABASE_URL": "mysql://h/x"}, "database_url"),
        ({"VITRINA_PUBLIC_URL": "shop.example"}, "public_url"),
        ({"VITRINA_IMAGE_FOLDERS": "/srv"}, "VITRINA_IMAGE_FOLDERS"),
    ],
)
def test_wrong_value_is_named(tmp_path, environment, words):
    with pytest.raises(SettingsError, match=words):
        load(environment, tmp_path / "none")


def test_wrong_file_is_named(tmp_path):
    file = tmp_path / "vitrina.toml"
    file.write_text("port = ")
    with pytest.raises(SettingsError, match="not valid TOML"):
        load({}, file)
    file.write_text("colour = 'red'")
    with pytest.raises(SettingsError, match="colour"):
        load({}, file)


def test_page_about_settings_is_up_to_date():
    assert PAGE.read_text() == configuring.page(), "run `vitrina-server config --page > docs/configuration.md`"


def test_settings_in_effect_can_be_read_back_and_hide_passwords(tmp_path):
    settings = load(
        {
            "VITRINA_DATABASE_URL": "postgres://me:hunter2@db/x?sslpassword=hunter2",
            "VITRINA_REDIS_URL": "redis://:hunter2@cache/0",
            "VITRINA_IMAGE_FOLDERS": '{"/media/": "/srv/\\"quoted\\""}',
        },
        tmp_path / "none",
    )
    text = configuring.in_effect(settings)
    assert "hunter2" not in text
    file = tmp_path / "vitrina.toml"
    file.write_text(text)
    again = load({}, file)
    assert again.image_folders == settings.image_folders
    assert again.database_url == "postgres://me:***@db/x?sslpassword=***"


def test_child_process_gets_the_same_settings(tmp_path):
    given = {
        "VITRINA_IMAGE_FOLDERS": '{"/media/": "/srv"}',
        "VITRINA_SEARCH_BY_MEANING": "false",
        "REDIS_URL": "redis://h",
    }
    settings = load(given | {"VITRINA_DATA_FOLDER": str(tmp_path)}, tmp_path / "none")
    assert load(settings.as_environment(), tmp_path / "none") == settings
