"""The guarded client against real local servers: where it may go, how much it takes, how long it waits."""

import asyncio
import gzip
import time
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.outbound import Outbound, OutboundError, Refused, Unreachable
from server.outbound.addresses import Address, is_public
from server.outbound.client import shown
from server.settings import Settings
from tests.websites import PORTS, opened, reply, site

# Every way to write a closed address that the usual lists name: decimal, octal, hex, short, mapped, embedded, dotted.
CLOSED = [
    "127.0.0.1", "127.1", "0.0.0.0", "0", "2130706433", "0x7f000001", "0x7f.0x0.0x0.0x1", "017700000001",
    "0177.0.0.1", "127.000.000.1", "localhost", "localhost.", "127.0.0.1.", "10.0.0.1", "10.255.255.255",
    "172.16.0.1", "172.31.255.254", "192.168.0.1", "192.168.1.1", "3232235521", "0xC0A80001", "169.254.169.254",
    "169.254.170.2", "2852039166", "0xA9FEA9FE", "0251.0376.0251.0376", "100.64.0.1", "100.100.100.200",
    "192.0.0.192", "168.63.129.16", "198.18.0.1", "192.0.2.1", "203.0.113.7", "224.0.0.1", "239.255.255.255",
    "240.0.0.1", "255.255.255.255", "[::]", "[::1]", "[0:0:0:0:0:0:0:1]", "[fe80::1]", "[fc00::1]", "[fd00:ec2::254]",
    "[ff02::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:8.8.8.8]", "[::127.0.0.1]", "[64:ff9b::7f00:1]",
    "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::1]", "[2002:7f00:1::]", "[2002:a9fe:a9fe::]",
    "[2001:0:4136:e378:8000:63bf:3fff:fdd2]", "[2001:db8::1]", "[2600::200:5efe:10.0.0.1]", "[2600::5efe:a9fe:a9fe]",
    "[5f00::1]",
]  # fmt: skip


@pytest.mark.parametrize("host", CLOSED)
async def test_closed_address_is_refused_in_every_spelling(host: str) -> None:
    async with Outbound(Settings(fetch_timeout_s=3)) as outbound:
        for url in (f"http://{host}/", f"http://shop.example@{host}:8080/x", f"https://{host}:443/"):
            with pytest.raises(OutboundError) as caught:
                await outbound.get(url, max_bytes=100)
            # an odd spelling may also be no name at all; it is never connected to
            assert "private or reserved" in str(caught.value) or isinstance(caught.value, Refused | Unreachable)
            assert "could not be connected" not in str(caught.value)
            assert "took too long" not in str(caught.value)


async def test_private_address_is_refused_with_words_that_help_and_tell_nothing() -> None:
    async with Outbound(Settings()) as outbound:
        with pytest.raises(Refused, match="private or reserved network") as caught:
            await outbound.get("http://2130706433/admin", max_bytes=100)
    assert "127.0.0.1" not in str(caught.value)


@given(st.integers(0, 2**32 - 1))
def test_ipv4_address_is_as_closed_in_every_ipv6_clothing(number: int) -> None:
    plain = ip_address(number)
    assert not (is_public(plain) and not plain.is_global)
    for dressed in (2**32 * 0xFFFF + number, (0x2002 << 112) + (number << 80), (0x0064FF9B << 96) + number):
        assert not is_public(ip_address(dressed)) or is_public(plain)


@pytest.mark.parametrize("text", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::808:808", "2a00:1450::1"])
def test_public_address_is_allowed(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize(
    "url",
    ["ftp://shop.example/a", "file:///etc/passwd", "gopher://x/", "//shop.example/a", "/etc/passwd", "", "http://",
     "http:///a", "data:text/plain,a", "http://shop.example:22/", "http://shop.example:6379/", "http://[::1/",
     "http://①②⑦.⓪.⓪.①:99999/", "http://" + "a" * 5000, "http://a b/", "javascript:alert(1)", "http://a..b/"],
)  # fmt: skip
async def test_what_is_no_web_address_is_refused(url: str) -> None:
    async with Outbound(Settings(fetch_timeout_s=3)) as outbound:
        with pytest.raises(OutboundError):
            await outbound.get(url, max_bytes=100)


async def test_checked_address_is_the_connected_one_even_if_the_name_changes_its_mind() -> None:
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    asked: list[str] = []

    async def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return next(answers)

    def only_this(address: Address) -> bool:
        return str(address) == "127.0.0.1"

    async with site(lambda path, headers: reply(b"hello")) as here:
        url = here.url.replace("127.0.0.1", "shop.example")
        async with opened(allowed=only_this, resolve=resolve) as outbound:
            fetched = await outbound.get(url, max_bytes=100)
            assert (fetched.body, asked) == (b"hello", ["shop.example"])  # one look-up for check and connection
            assert here.requests[0][1]["host"].startswith("shop.example")
            with pytest.raises(Refused):
                await outbound.get(url, max_bytes=100)
    assert len(here.requests) == 1


async def test_name_with_one_private_address_among_public_ones_is_refused() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["93.184.215.14", "10.0.0.7"]

    async with Outbound(Settings(), resolve=resolve) as outbound:
        with pytest.raises(Refused):
            await outbound.get("http://shop.example/", max_bytes=100)


async def test_redirect_into_a_closed_network_is_refused() -> None:
    def allowed(address: Address) -> bool:
        return str(address) == "127.0.0.1"

    targets = ["http://10.0.0.1/", "http://[::1]:18120/", "http://2852039166/", "file:///etc/passwd", "http://x:22/"]
    async with site(lambda path, headers: reply(b"", "302 Found", Location=targets[int(path[1:])])) as here:  # noqa: SIM117
        async with opened(allowed=allowed, ports={80, 443, *PORTS}) as outbound:
            for number in range(len(targets)):
                with pytest.raises(Refused):
                    await outbound.get(f"{here.url}/{number}", max_bytes=100)


async def test_redirects_are_followed_five_times_and_no_more() -> None:
    def answer(path: str, headers: dict[str, str]) -> bytes:
        left = int(path[1:])
        return reply(b"", "301 Moved Permanently", Location=f"/{left - 1}") if left else reply(b"there")

    async with site(answer) as here, opened() as outbound:
        assert (await outbound.get(f"{here.url}/5", max_bytes=10)).body == b"there"
        with pytest.raises(Refused, match="redirects more than 5 times"):
            await outbound.get(f"{here.url}/6", max_bytes=10)


@pytest.mark.parametrize("chunked", [False, True])
async def test_answer_larger_than_allowed_is_refused(chunked: bool, tmp_path: Path) -> None:
    def answer(path: str, headers: dict[str, str]) -> bytes:
        if chunked:
            return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"64\r\n" + b"x" * 100 + b"\r\n0\r\n\r\n"
        return reply(b"x" * 100)

    async with site(answer) as here, opened() as outbound:
        assert len((await outbound.get(here.url, max_bytes=100)).body) == 100
        for fetch in (outbound.get(here.url, max_bytes=99), outbound.download(here.url, tmp_path / "f", 99)):
            with pytest.raises(Refused, match="larger than"):
                await fetch


async def test_gzip_is_unpacked_but_a_bomb_is_not() -> None:
    bodies = {"/feed": b"rows " * 1000, "/bomb": bytes(50_000_000)}
    async with site(lambda path, headers: reply(gzip.compress(bodies[path]), Content_Encoding="gzip")) as here:  # noqa: SIM117
        async with opened() as outbound:
            assert (await outbound.get(f"{here.url}/feed", max_bytes=5000)).body == bodies["/feed"]
            with pytest.raises(Refused, match="larger than"):
                await outbound.get(f"{here.url}/bomb", max_bytes=1_000_000)


@pytest.mark.parametrize("body", [gzip.compress(b"rows " * 1000)[:-20], b"not packed at all"], ids=["cut", "plain"])
async def test_damaged_gzip_is_said_so(body: bytes) -> None:
    async with site(lambda path, headers: reply(body, Content_Encoding="gzip")) as here, opened() as outbound:
        with pytest.raises(Unreachable, match=r"damaged|cut off"):
            await outbound.get(here.url, max_bytes=100_000)


async def test_unknown_packing_is_refused() -> None:
    async with site(lambda path, headers: reply(b"?", Content_Encoding="br")) as here, opened() as outbound:
        with pytest.raises(Refused, match="gzip"):
            await outbound.get(here.url, max_bytes=100)


async def test_server_that_drips_is_given_up_in_time() -> None:
    async def drip(path: str, headers: dict[str, str]) -> bytes:
        await asyncio.sleep(30)
        return b""

    async with site(drip) as here, opened(timeout_s=0.5) as outbound:
        started = time.monotonic()
        with pytest.raises(Unreachable, match="too long"):
            await outbound.get(here.url, max_bytes=100)
        assert time.monotonic() - started < 2


async def test_busy_server_is_asked_again_after_the_pause_it_wants() -> None:
    answers = iter([reply(b"", "503 Service Unavailable", Retry_After="1"), reply(b"here")])
    async with site(lambda path, headers: next(answers)) as here, opened() as outbound:
        started = time.monotonic()
        assert (await outbound.get(here.url, max_bytes=100)).body == b"here"
        assert time.monotonic() - started >= 1


async def test_error_status_is_reported_without_a_second_try() -> None:
    async with site(lambda path, headers: reply(b"no", "404 Not Found")) as here, opened() as outbound:
        with pytest.raises(Unreachable, match=r"answered 404 \(Not Found\)") as caught:
            await outbound.get(here.url, max_bytes=100)
    assert (caught.value.status, len(here.requests)) == (404, 1)


async def test_unchanged_answer_is_recognised_by_its_tag() -> None:
    def answer(path: str, headers: dict[str, str]) -> bytes:
        if headers.get("if-none-match") == '"v1"':
            return b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n"
        return reply(b"image", ETag='"v1"')

    async with site(answer) as here, opened() as outbound:
        first = await outbound.get(here.url, max_bytes=100)
        second = await outbound.get(here.url, max_bytes=100, etag=first.etag)
    assert (first.status, first.body, second.status, second.body) == (200, b"image", 304, b"")


async def test_cookies_credentials_and_proxies_do_not_travel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with site(lambda path, headers: reply(b"ok", Set_Cookie="a=b; Path=/")) as here, opened() as outbound:
        await outbound.get(here.url, max_bytes=100)
        await outbound.get(here.url, max_bytes=100)
    assert all("cookie" not in headers and "authorization" not in headers for _, headers in here.requests)
    assert here.requests[0][1]["user-agent"].startswith("Vitrina/")


async def test_download_writes_the_file(tmp_path: Path) -> None:
    body = b"item,title\n" * 100_000
    async with site(lambda path, headers: reply(body)) as here, opened() as outbound:
        fetched = await outbound.download(here.url, tmp_path / "feed.csv", max_bytes=10_000_000)
    assert (fetched.size, (tmp_path / "feed.csv").read_bytes()) == (len(body), body)


async def test_download_that_breaks_off_starts_again(tmp_path: Path) -> None:
    answers = iter([b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", reply(b"whole")])
    async with site(lambda path, headers: next(answers)) as here, opened() as outbound:
        await outbound.download(here.url, tmp_path / "feed.csv", max_bytes=1000)
    assert (tmp_path / "feed.csv").read_bytes() == b"whole"


async def test_tls_greets_the_name_although_the_address_is_pinned() -> None:
    greetings: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        greetings.append(await reader.read(2000))
        writer.close()

    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, opened(resolve=resolve, ports={port}) as outbound:
        with pytest.raises(Unreachable, match="valid certificate"):
            await outbound.get(f"https://shop.example:{port}/", max_bytes=100)
    assert b"shop.example" in greetings[0]  # the server name of TLS's first message


def test_message_shows_an_address_without_its_secrets() -> None:
    assert shown("https://user:secret@shop.example/feed.xml?token=abc#x") == "https://shop.example/feed.xml"
