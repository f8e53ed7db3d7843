"""Images of items: from folders, over HTTP, kept, and all the ways in which there is none."""

import asyncio
import zlib
from collections import Counter
from io import BytesIO
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from server.catalog.decoding import BadImage, decoded
from server.catalog.images import Found, Images, Missing
from server.outbound import Outbound
from server.settings import Settings
from tests.websites import Site, opened, reply, site

PICTURE = Image.radial_gradient("L").resize((300, 200)).convert("RGB")


def packed(image: Image.Image = PICTURE, form: str = "JPEG", **options: object) -> bytes:
    target = BytesIO()
    image.save(target, form, **options)
    return target.getvalue()


def vast_png(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes that claims millions of pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return len(content).to_bytes(4) + kind + content + zlib.crc32(kind + content).to_bytes(4)

    header = width.to_bytes(4) + height.to_bytes(4) + bytes([8, 2, 0, 0, 0])
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    folder = tmp_path / "media"
    folder.mkdir()
    (folder / "a b.jpg").write_bytes(packed())
    (tmp_path / "secret.jpg").write_bytes(packed())
    (folder / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    return Settings(data_folder=str(tmp_path / "data"), image_folders={"/media/": str(folder)})


async def found_in(settings: Settings, url: str) -> Found | Missing:
    async with Outbound(settings) as outbound:
        return await Images(settings, outbound).find(url)


async def test_image_in_a_folder_is_found_where_it_lies(here: Settings) -> None:
    found = await found_in(here, "/media/a%20b.jpg?v=2#x")
    assert isinstance(found, Found)
    assert decoded(found.path, here).size == (300, 200)


async def test_changed_file_has_another_digest(here: Settings) -> None:
    before = await found_in(here, "/media/a%20b.jpg")
    Path(here.image_folders["/media/"], "a b.jpg").write_bytes(packed(PICTURE.rotate(90)))
    after = await found_in(here, "/media/a%20b.jpg")
    assert isinstance(before, Found)
    assert isinstance(after, Found)
    assert before.digest != after.digest


@pytest.mark.parametrize(
    "name",
    ["../secret.jpg", "%2e%2e/secret.jpg", "..%2fsecret.jpg", "/etc/passwd", "link.jpg", "", ".", "no.jpg", "%00",
     "a" * 300],
)  # fmt: skip
async def test_nothing_outside_the_folder_is_read(here: Settings, name: str) -> None:
    answer = await found_in(here, f"/media/{name}")
    assert isinstance(answer, Missing)
    assert str(here.folder.parent) not in answer.reason


@pytest.mark.parametrize("url", ["/elsewhere/x.jpg", "x.jpg", "ftp://shop.example/x.jpg", "data:image/png;base64,AAAA"])
async def test_address_without_folder_or_web_server_says_what_to_do(here: Settings, url: str) -> None:
    answer = await found_in(here, url)
    assert isinstance(answer, Missing)
    assert "image_folders" in answer.reason


async def test_private_address_is_a_missing_image(here: Settings) -> None:
    answer = await found_in(here, "http://169.254.169.254/latest/meta-data/")
    assert isinstance(answer, Missing)
    assert "private or reserved" in answer.reason


async def test_fetched_image_is_kept_and_not_fetched_again(here: Settings) -> None:
    async with site(lambda path, headers: reply(packed())) as shop:
        first = await asked(here, shop, "/a.jpg")
        again = await asked(here, shop, "/a.jpg")
        other = await asked(here, shop, "/same-bytes.jpg")
    assert isinstance(first, Found)
    assert first == again
    assert isinstance(other, Found)
    assert other.path == first.path  # kept once by content
    assert [path for path, _ in shop.requests] == ["/a.jpg", "/same-bytes.jpg"]


async def test_large_image_is_kept_small(here: Settings) -> None:
    noise = Image.effect_noise((2000, 1500), 90)
    async with site(lambda path, headers: reply(packed(noise, "PNG"))) as shop:
        found = await asked(here, shop, "/big.png")
    assert isinstance(found, Found)
    assert max(decoded(found.path, here).size) <= 512
    assert found.path.stat().st_size < 500_000


async def test_week_old_image_is_asked_for_by_its_tag(here: Settings) -> None:
    def answer(path: str, headers: dict[str, str]) -> bytes:
        if headers.get("if-none-match") == '"one"':
            return b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n"
        return reply(packed(), ETag='"one"')

    async with site(answer) as shop:
        first = await asked(here, shop, "/a.jpg")
        age_records(here, 8 * 86_400)
        second = await asked(here, shop, "/a.jpg")
        third = await asked(here, shop, "/a.jpg")
    assert first == second == third
    assert len(shop.requests) == 2


async def test_picture_of_last_week_serves_while_the_shop_is_down(here: Settings) -> None:
    answers = iter([reply(packed()), *[reply(b"", "500 Internal Server Error")] * 3])
    async with site(lambda path, headers: next(answers)) as shop:
        first = await asked(here, shop, "/a.jpg")
        age_records(here, 8 * 86_400)
        assert await asked(here, shop, "/a.jpg") == first


async def test_broken_images_have_reasons_and_are_not_asked_for_again_at_once(here: Settings) -> None:
    bodies = {
        "/page": b"<html>Not here</html>",
        "/cut.jpg": packed()[:2000],
        "/vast.png": vast_png(60_000, 60_000),
        "/empty.gif": b"",
        "/line.png": packed(Image.new("RGB", (300, 1)), "PNG"),
        "/x.tiff": packed(form="TIFF"),
    }
    expected = ["not an image", "damaged", "60,000 x 60,000 pixels", "not an image", "line", "not an image", "404"]
    async with site(
        lambda path, headers: reply(bodies[path]) if path in bodies else reply(b"", "404 Not Found")
    ) as shop:
        for _ in range(2):
            for path, word in zip([*bodies, "/gone.jpg"], expected, strict=True):
                answer = await asked(here, shop, path)
                assert isinstance(answer, Missing), path
                assert word in answer.reason
    assert Counter(path for path, _ in shop.requests) == Counter([*bodies, "/gone.jpg"])


async def test_image_larger_than_allowed_is_missing(here: Settings) -> None:
    settings = msgspec.structs.replace(here, image_max_bytes=1000)
    async with site(lambda path, headers: reply(packed())) as shop:
        answer = await asked(settings, shop, "/a.jpg")
    assert isinstance(answer, Missing)
    assert "larger than" in answer.reason


async def test_one_host_is_asked_for_four_images_at_a_time(here: Settings) -> None:
    now, most = 0, 0

    async def slowly(path: str, headers: dict[str, str]) -> bytes:
        nonlocal now, most
        now, most = now + 1, max(most, now + 1)
        await asyncio.sleep(0.05)
        now -= 1
        return reply(packed())

    async with site(slowly) as shop, opened() as outbound:
        images = Images(here, outbound)
        answers = await asyncio.gather(*(images.find(f"{shop.url}/{number}.jpg") for number in range(16)))
    assert all(isinstance(answer, Found) for answer in answers)
    assert most == 4


def test_transparent_pixels_are_white_and_turned_photographs_upright(here: Settings) -> None:
    clear = decoded(packed(Image.new("RGBA", (20, 20), (255, 0, 0, 0)), "PNG"), here)
    assert clear.getpixel((5, 5)) == (255, 255, 255)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    assert decoded(packed(PICTURE, exif=exif), here).size == (200, 300)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF"])
@pytest.mark.parametrize("mode", ["RGB", "L", "P", "CMYK", "1", "I;16", "LA"])
def test_every_kind_of_pixel_becomes_rgb(here: Settings, form: str, mode: str) -> None:
    source = Image.new("I;16", (30, 20), 40_000) if mode == "I;16" else PICTURE.resize((30, 20)).convert(mode)
    try:
        body = packed(source, form)
    except (OSError, ValueError):
        return  # the format has no such pixels
    assert (decoded(body, here).mode, decoded(body, here).size) == ("RGB", (30, 20))


@given(st.binary(max_size=200), st.integers(0, 3000), st.sampled_from(["JPEG", "PNG", "WEBP", "GIF"]))
def test_damaged_bytes_are_a_bad_image_or_an_image(noise: bytes, at: int, form: str) -> None:
    body = packed(PICTURE.resize((60, 40)), form)
    try:
        assert decoded(body[:at] + noise + body[at + len(noise) :], Settings()).mode == "RGB"
    except BadImage as error:
        assert str(error)


async def asked(settings: Settings, shop: Site, path: str) -> Found | Missing:
    async with opened() as outbound:
        return await Images(settings, outbound).find(shop.url + path)


def age_records(settings: Settings, seconds: float) -> None:
    """Let everything that is known of addresses be older."""
    for path in (settings.folder / "blobs" / "images" / "addresses").rglob("*"):
        if path.is_file():
            record = msgspec.json.decode(path.read_bytes())
            path.write_bytes(msgspec.json.encode(record | {"checked_at": record["checked_at"] - seconds}))
