"""The pages in a real Chromium, on a whole Vitrina: they work without scripts, by keyboard, in light and dark, and are
accessible.
"""

import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests.account.programs import DEVICE_GRANT, Program
from tests.account.visitor import PASSWORD, letters, link_in
from tests.journeys.installation import Installation, running

pytestmark = [pytest.mark.slow, pytest.mark.browser]

ANNA = "anna@shop.example"


@pytest.fixture(scope="module")
def vitrina(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A Vitrina of this file's own, with an owner."""
    with running(
        tmp_path_factory.mktemp("account"), api_processes="1", worker_processes="0", sign_up="open"
    ) as installation:
        environment = {"VITRINA_DATA_FOLDER": str(installation.folder), "VITRINA_LOG_LEVEL": "error"}
        command = [sys.executable, "-m", "server", "create-owner", ANNA, "--name", "Anna", "--password-stdin"]
        made = subprocess.run(command, input=PASSWORD + "\n", env=environment, text=True, capture_output=True)
        assert made.returncode == 0, made.stderr
        yield installation


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu", "--no-first-run"]
        )
        yield opened
        opened.close()


@pytest.fixture
def enter(browser: Browser, vitrina: Installation) -> Iterator[Callable[..., Page]]:
    """`enter()` is a new window; whatever the browser complains about fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []
    own = str(vitrina.http.base_url)

    def new_page(**options: object) -> Page:
        context = browser.new_context(base_url=own, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if _is_ours(message, own) else None)
        return page

    yield new_page
    for context in contexts:
        context.close()
    assert complaints == []


def _is_ours(message: ConsoleMessage, own: str) -> bool:
    """Whether an error is one of our pages': not a program's, and not a form that was rightly refused."""
    return message.type == "error" and message.location["url"].startswith(own) and "status of 4" not in message.text


def sign_in(page: Page, email: str = ANNA) -> None:
    """Sign in by keyboard alone."""
    page.goto("/sign-in") if "/sign-in" not in page.url else None
    page.locator("input:focus").wait_for()  # the first field, once the page is drawn
    page.keyboard.type(email)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Sign out", exact=True).wait_for()


def test_person_signs_in_opens_a_shop_and_signs_out(enter: Callable[..., Page]) -> None:
    page = enter(java_script_enabled=False)
    sign_in(page)
    assert page.url.endswith("/account")
    page.get_by_label("Name of a new shop").fill("Linen & Co")
    page.get_by_role("button", name="Open shop").click()
    page.get_by_role("heading", name="Linen & Co is open").wait_for()
    expect(page.get_by_text("vsk_")).to_be_visible()
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.get_by_role("heading", name="Sign in").wait_for()


def test_program_is_let_in_through_the_browser(enter: Callable[..., Page], vitrina: Installation) -> None:
    came: list[str] = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            came.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Listener) as listener:
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        back = f"http://127.0.0.1:{listener.server_port}/callback"
        asking = Program(httpx.AsyncClient(), redirect_uri=back)
        page = enter()
        page.goto(asking.address())
        sign_in(page)
        page.get_by_role("heading", name="Allow access?").wait_for()
        with page.expect_navigation(url=f"{back}**"):  # which a policy of 'self' alone would stop
            page.get_by_role("button", name="Allow").click()
        listener.shutdown()
    came_back = parse_qs(urlsplit(came[0]).query)
    form = {"grant_type": "authorization_code", "code": came_back["code"][0], "client_id": asking.client_id}
    form |= {"redirect_uri": back, "code_verifier": asking.verifier}
    tokens = vitrina.http.post("/oauth/token", data=form).json()
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert vitrina.http.get("/v1/shops", headers=bearer).status_code == 200


def test_terminal_is_let_in(enter: Callable[..., Page], vitrina: Installation) -> None:
    asked = {"client_id": "vitrina-terminal", "scope": "read write admin"}
    codes = vitrina.http.post("/oauth/device_authorization", data=asked).json()
    page = enter()
    page.goto("/device")
    sign_in(page) if "/sign-in" in page.url else None
    page.goto("/device")
    page.locator("input:focus").wait_for()
    page.keyboard.type(codes["user_code"].lower())
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Allow").click()
    page.get_by_role("heading", name="Connected").wait_for()
    form = {"grant_type": DEVICE_GRANT, "client_id": "vitrina-terminal", "device_code": codes["device_code"]}
    assert vitrina.http.post("/oauth/token", data=form).status_code == 200


def test_new_person_signs_up_and_confirms(enter: Callable[..., Page], vitrina: Installation) -> None:
    page = enter()
    page.goto("/sign-up")
    page.get_by_label("E-mail address").fill("ben@shop.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Open account").click()
    page.get_by_role("heading", name="Look into your mailbox").wait_for()
    page.wait_for_timeout(500)
    (text,) = [text for to, _, text in letters(vitrina.folder) if to == "ben@shop.example"]
    page.goto(link_in(text))
    page.get_by_role("button", name="Confirm and sign in").click()
    page.get_by_role("heading", name="Your account").wait_for()


@pytest.mark.parametrize(
    ("scheme", "width", "scripts"), [("light", 1280, True), ("dark", 360, True), ("light", 360, False)]
)
def test_owner_runs_the_shop_by_pages_that_are_accessible(
    enter: Callable[..., Page], scheme: str, width: int, scripts: bool
) -> None:
    page = enter(color_scheme=scheme, viewport={"width": width, "height": 800}, java_script_enabled=scripts)
    is_good = _is_accessible if scripts else _fits  # the checks are scripts themselves
    page.goto("/sign-in")
    sign_in(page)
    shop = f"Hats, {scheme} {width} {scripts}"
    page.get_by_label("Name of a new shop").fill(shop)
    page.get_by_role("button", name="Open shop").click()
    page.goto("/account")
    page.get_by_role("link", name=shop).click()
    is_good(page)
    page.get_by_label("E-mail address").fill("carl@shop.example")
    page.get_by_label("Role of whom you invite").select_option("analyst")
    page.get_by_role("button", name="Invite").click()
    page.get_by_role("status").get_by_text("on its way").wait_for()
    is_good(page)
    page.get_by_role("link", name="Withdraw the invitation of carl@shop.example").click()
    page.get_by_role("button", name="Withdraw").wait_for()
    is_good(page)
    page.get_by_role("button", name="Withdraw").click()
    page.get_by_text("None is open.").wait_for()
    page.get_by_text("Make a key").click()
    page.get_by_label("Name, to tell it from others").fill("Newsletter")
    page.get_by_label("The shop's own servers").check()
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_role("status")).to_contain_text("vsk_")
    is_good(page)
    page.get_by_role("link", name="Revoke Newsletter").click()
    page.get_by_role("button", name="Revoke the key").click()
    page.get_by_role("link", name="All changes").click()
    page.get_by_text("key.revoked").wait_for()
    is_good(page)
    page.get_by_role("link", name=shop).click()
    page.get_by_role("link", name=f"Leave {shop}").click()
    page.get_by_role("button", name="Leave the shop").click()
    page.get_by_role("heading", name="The last owner cannot leave").wait_for()


def _is_accessible(page: Page) -> None:
    found = Axe().run(page)
    assert found.violations_count == 0, f"{page.url}: {found.generate_report()}"
    _fits(page)


def _fits(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{page.url} is wider than its window"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_pages_are_accessible_and_fit(enter: Callable[..., Page], vitrina, scheme: str, width: int) -> None:
    page = enter(color_scheme=scheme, viewport={"width": width, "height": 800})
    asking = Program(httpx.AsyncClient())
    codes = vitrina.http.post("/oauth/device_authorization", data={"client_id": "vitrina-terminal"}).json()
    addresses = ["/sign-in", "/sign-up", "/forgotten", "/verify?code=x", "/sign-in?wrong"]
    for address in [*addresses, "", asking.address(), "/device", f"/device?user_code={codes['user_code']}", "/account"]:
        if not address:
            page.goto("/sign-in")
            sign_in(page)
            continue
        page.goto(address)
        if address == "/sign-in?wrong":
            page.get_by_label("E-mail address").fill(ANNA)
            page.get_by_label("Password").fill("not the password")
            page.get_by_role("button", name="Sign in").click()
            page.get_by_role("alert").wait_for()
        _is_accessible(page)
