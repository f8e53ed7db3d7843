"""Templates into pages, and the headers that every page of these carries."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action {forms}"
)
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",  # links in letters hold codes; yet forms must say where they come from
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def headers(*, secure: bool, forms_lead_to: Sequence[str] = ()) -> dict[str, str]:
    """The headers of a page. `forms_lead_to`: origins to which a form's answer may send the browser on."""
    policy = _POLICY.format(forms=" ".join(["'self'", *forms_lead_to]))
    transport = {"Strict-Transport-Security": "max-age=31536000"} if secure else {}
    return _HEADERS | transport | {"Content-Security-Policy": policy}


def render(template: str, values: Mapping[str, Any], status: int, headers: Mapping[str, str]) -> HTMLResponse:
    """One page."""
    return HTMLResponse(_environment().get_template(template).render(values), status, dict(headers))


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    names: dict[str, Any] = environment.globals
    names.update(static=_static)
    return environment


@lru_cache(maxsize=8)
def _static(name: str) -> str:
    """The address of a static file, with a mark of its content, so that a new version is fetched at once."""
    return f"/account/static/{name}?v={blake2b((STATIC / name).read_bytes(), digest_size=5).hexdigest()}"
