"""Every address of the pages for people. `routes()` gives the application its routes; they need the services of
`request.app.state`.
"""

from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from server.access.policies import OWNED, PEOPLE, Policy
from server.account import belonging, consenting, elsewhere, entering, places, recovering, shop, shop_keys, working
from server.account.places import of_shop
from server.account.rendering import STATIC
from server.account.visits import Handler, for_persons, opened
from server.settings import Settings
from server.storage.secret import Secret


def routes(settings: Settings, secret: Secret) -> list[BaseRoute]:
    """All routes, to be mounted at the root."""
    return [
        Mount("/account/static", StaticFiles(directory=STATIC)),
        *_page("/sign-in", entering.sign_in_page, entering.sign_in),
        Route("/sign-out", opened(entering.sign_out), methods=["POST"]),
        *_page("/sign-up", entering.sign_up_page, entering.sign_up),
        *_page("/verify", entering.verify_page, entering.verify),
        *_page("/forgotten", recovering.forgotten_page, recovering.forgotten),
        *_page("/reset", recovering.reset_page, recovering.reset),
        *_page("/invitation", belonging.invitation_page, belonging.accept),
        *elsewhere.routes(settings, secret),
        Route("/account", for_persons(belonging.home), methods=["GET"]),
        Route("/account/password", for_persons(recovering.change), methods=["POST"]),
        Route("/account/sessions", for_persons(recovering.end_sessions), methods=["POST"]),
        Route("/account/programs", for_persons(belonging.end_program), methods=["POST"]),
        Route("/account/shops", for_persons(belonging.open_shop_of_own), methods=["POST"]),
        *_shop_routes(),
        # a bad request is told before anybody has to sign in, so these see to that themselves
        *_page("/oauth/authorize", consenting.authorize_page, consenting.authorize),
        Route("/device", for_persons(consenting.device_page), methods=["GET"]),
        Route("/device", for_persons(consenting.device), methods=["POST"]),
    ]


def _shop_routes() -> list[Route]:
    one = "/account/shops/{shop_id}"
    member, key = f"{one}/members/{{member_id}}", f"{one}/keys/{{key_id}}"
    return [
        Route(one, of_shop(shop.page), methods=["GET"]),
        Route(f"{one}/audit", of_shop(shop.log, PEOPLE), methods=["GET"]),
        *_asking(f"{one}/leave", shop.ask_to_leave, shop.leave, None),
        Route(f"{one}/members", of_shop(working.invite, PEOPLE), methods=["POST"]),
        Route(member, of_shop(working.change_role, PEOPLE), methods=["POST"]),
        *_asking(f"{member}/remove", working.ask_to_remove, working.remove, PEOPLE),
        Route(f"{one}/keys", of_shop(shop_keys.make, OWNED), methods=["POST"]),
        *_asking(f"{key}/replace", shop_keys.ask_to_replace, shop_keys.replace, OWNED),
        *_asking(f"{key}/revoke", shop_keys.ask_to_revoke, shop_keys.revoke, OWNED),
    ]


def _asking(path: str, ask: places.Handler, act: places.Handler, policy: Policy | None) -> list[Route]:
    """What cannot be undone is asked first, on a page of its own."""
    return [Route(path, of_shop(ask, policy), methods=["GET"]), Route(path, of_shop(act, policy), methods=["POST"])]


def _page(path: str, shown: Handler, sent: Handler) -> list[Route]:
    return [Route(path, opened(shown), methods=["GET"]), Route(path, opened(sent), methods=["POST"])]
