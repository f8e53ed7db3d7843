"""Catalogs and event files in: an upload or an address becomes a task of a worker."""

import asyncio
import shutil
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from server.access.policies import SHOP
from server.api.explaining import explain
from server.api.operation import MEBIBYTE, Answer, Call, Operation
from server.api.problems import InvalidField, Problem, invalid
from server.api.reading import decode, media_type_of, read_body
from server.api.tasks import PublicTask, accepted
from server.api.uploads import Upload, declared_length, file_too_large
from server.catalog.options import Format, ImportOptions
from server.catalog.options import Mapping as ColumnMapping
from server.shops.fields import is_currency, is_timezone
from server.storage import blobs
from server.storage.identifiers import new_id

_FORM_BYTES = MEBIBYTE  # what a form may have beside its file
_SPARE_BYTES = 64 * MEBIBYTE  # kept free on the disk, for the database


class _Options(msgspec.Struct, frozen=True, kw_only=True):
    format: Annotated[Format, Meta(description="`auto` looks into the file.")] = "auto"
    mode: Annotated[
        Literal["upsert", "replace"], Meta(description="`replace` also removes the items that the file does not have.")
    ] = "upsert"
    kind: Annotated[Literal["items", "events"], Meta(description="What the file's rows are.")] = "items"
    currency: Annotated[str, Meta(description="ISO 4217, of prices that name none; the shop's own if empty.")] = ""
    locale: Annotated[str, Meta(max_length=16, description="How numbers are written, such as `de` for 1.234,50.")] = ""
    timezone: Annotated[str, Meta(max_length=64, description="IANA name, of times that name none.")] = ""
    allow_shrink: Annotated[
        bool, Meta(description="Let `replace` remove more than half of the catalog, which it refuses otherwise.")
    ] = False


class ImportForm(_Options, frozen=True, kw_only=True):
    """A file to import, with what is known of it."""

    file: Annotated[str, Meta(description="The file itself.", extra_json_schema={"format": "binary"})]
    mapping: Annotated[
        str | UnsetType, Meta(description="The mapping as JSON text, see the JSON form of this request.")
    ] = UNSET


class ImportRequest(_Options, frozen=True, kw_only=True):
    """An address to fetch and import, with what is known of the file there."""

    url: Annotated[
        str,
        Meta(
            max_length=2048, pattern="^[Hh][Tt][Tt][Pp][Ss]?://[^ ]+$", description="Where the file is, http or https."
        ),
    ]
    mapping: Annotated[
        ColumnMapping,
        Meta(description='Field to column: `{"title": "Name", "currency": {"value": "EUR"}}`; for plain CSV.'),
    ] = {}


async def create(call: Call) -> Answer:
    """Take a file or an address in, and have a worker import it."""
    if media_type_of(call.trace.headers) == "multipart/form-data":
        return await _from_upload(call)
    body = await read_body(call.receive, call.trace.headers, _FORM_BYTES)
    wanted: ImportRequest = decode(_decoder, body, ImportRequest)
    given = msgspec.to_builtins(wanted)
    return await _enqueue(call, new_id("task"), _checked(given), url=given["url"], filename="", size_bytes=None)


_decoder = msgspec.json.Decoder(ImportRequest)


async def _from_upload(call: Call) -> Answer:
    settings = call.services.settings
    await asyncio.to_thread(_make_sure_it_fits, call)
    task_id = new_id("task")
    name = _blob(task_id)
    with blobs.new_file(settings, name) as path:
        upload = Upload(path, settings.import_max_bytes)
        await upload.read(call.trace.headers[b"content-type"].decode("latin-1"), call.request.stream())
        options = _checked(_of_form(upload.fields))
    try:
        filename = upload.filename or ""
        return await _enqueue(call, task_id, options, url=None, filename=filename, size_bytes=upload.size_bytes)
    except BaseException:
        blobs.remove(settings, name)
        raise


def _make_sure_it_fits(call: Call) -> None:
    settings = call.services.settings
    length = declared_length(call.trace.headers)
    if length > settings.import_max_bytes + _FORM_BYTES:
        raise file_too_large(settings.import_max_bytes)
    if length + _SPARE_BYTES > shutil.disk_usage(settings.folder).free:
        raise Problem(
            507,
            "No space left on the server",
            "The server's disk has no room for this file. Free some "
            "space in its data folder, then send the file again.",
        )


def _of_form(fields: Mapping[str, str]) -> dict[str, Any]:
    known = (*ImportOptions.__struct_fields__,)
    unknown = [name for name in fields if name not in known]
    if unknown:
        detail = f"`{unknown[0][:60]}` is not known here. The fields are file, {', '.join(known)}."
        raise invalid(f"/{unknown[0][:60]}", detail)
    given: dict[str, Any] = {name: value for name, value in fields.items() if value}
    if "mapping" in given:
        try:
            given["mapping"] = msgspec.json.decode(given["mapping"], type=ColumnMapping)
        except (msgspec.DecodeError, RecursionError):
            detail = '`mapping` must be a JSON object such as {"title": "Name", "currency": {"value": "EUR"}}.'
            raise invalid("/mapping", detail) from None
    return given


def _checked(given: Mapping[str, Any]) -> dict[str, Any]:
    known = {name: given[name] for name in ImportOptions.__struct_fields__ if name in given}
    try:
        options = msgspec.convert(known, ImportOptions, strict=False)
    except msgspec.ValidationError as error:
        found: InvalidField = explain(error, ImportOptions)
        raise Problem(422, "The options are not valid", found.detail, errors=[found]) from None
    if options.currency and not is_currency(options.currency):
        raise invalid("/currency", "`currency` must be a code of ISO 4217 such as EUR or USD.")
    if options.timezone and not is_timezone(options.timezone):
        raise invalid("/timezone", "`timezone` must be an IANA name such as Europe/Berlin.")
    if options.mode == "replace" and options.kind == "events":
        raise invalid(
            "/mode",
            "Events are never replaced: an event that is there already is left as it is. Send "
            "`mode` upsert, or leave it out.",
        )
    return msgspec.to_builtins(options)


async def _enqueue(
    call: Call, task_id: str, options: dict[str, Any], *, url: str | None, filename: str, size_bytes: int | None
) -> Answer:
    params = options | {"blob": _blob(task_id), "url": url, "filename": filename}
    queue = call.services.queue

    async def enqueue() -> Answer:
        return accepted(await queue.enqueue(call.shop_id, "import", params, size_hint=size_bytes, task_id=task_id))

    return await call.changed(enqueue)


def _blob(task_id: str) -> str:
    return f"uploads/{task_id}"


OPERATIONS = (
    Operation(
        method="POST",
        path="/v1/imports",
        policy=SHOP,
        tag="tasks",
        summary="Import a catalog or events from a file",
        description="Shopify and WooCommerce exports, Google Merchant feeds, JSON lines and CSV, as they are. The "
        "task's result counts created, updated, unchanged, deleted and rejected rows, with 100 rejected ones and why.",
        handler=create,
        body=ImportRequest,
        form=ImportForm,
        body_types=("multipart/form-data", "application/json"),
        body_streams=True,
        changes_late=True,
        answers={202: PublicTask},
        problems=(507,),
        examples={"body": {"url": "https://shop.example/feeds/google.xml", "format": "google", "mode": "replace"}},
    ),
)
