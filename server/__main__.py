"""`vitrina-server`: every command of the server. Each imports what it needs when it runs, so that all start quickly."""

import argparse
import asyncio
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version

import msgspec

from server.settings import Settings, SettingsError, load

_EPILOG = """Settings come from environment variables (VITRINA_PORT=8080) and vitrina.toml; docs/configuration.md lists
them. `up` is all that one machine needs. With several machines, set VITRINA_DATABASE_URL and VITRINA_REDIS_URL, run
`migrate` once for a new version, and as many `serve` and `worker` as needed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    parsed = _parser().parse_args(arguments)
    try:
        settings = _with_options(load(), parsed)
        return parsed.run(settings, parsed)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vitrina-server",
        description="Vitrina: recommendations for online shops.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(title="commands", metavar="", required=True)

    def add(name: str, run: Callable[[Settings, argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        command.set_defaults(run=run)
        return command

    listening = (
        add("up", _up, "run everything on this machine: Redis, database, API and worker, as one family of processes"),
        add("serve", _serve, "run one API process"),
    )
    for command in listening:
        command.add_argument("--host", help="address to listen on, before the setting `host`")
        command.add_argument("--port", type=int, help="port to listen on, before the setting `port`")
    add("worker", _worker, "run one worker process, for imports and other long tasks")
    add("migrate", _migrate, "bring the database to the schema of this version")
    demo = add("demo", _demo, "start Vitrina, load two real shops and show what it recommends")
    demo.add_argument("--check", action="store_true", help="assert that every placement answers, then end")
    evaluate = add("evaluate", _evaluate, "judge what a training of a shop would give now, without putting it live")
    evaluate.add_argument("shop", metavar="SHOP", help="the shop's slug or id")
    evaluate.add_argument("--seed", type=_seed, default=0, help="the same data and seed give the same figures")
    evaluate.add_argument("--json", action="store_true", help="print everything that the gate says, as JSON")
    add("doctor", _doctor, "look at everything Vitrina needs and say what to do about what is wrong")
    owner = add("create-owner", _create_owner, "make the first person, who may sign in, open shops and invite others")
    owner.add_argument("email", metavar="EMAIL", help="the address to sign in with")
    owner.add_argument("--name", default="", help="what to call them")
    owner.add_argument("--shop", action="append", default=[], metavar="SHOP", help="slug of a shop they shall own too")
    owner.add_argument("--password-stdin", action="store_true", help="read the password from the first line of input")
    client = add("create-client", _create_client, "register a program that may ask people for access by OAuth")
    client.add_argument("name", metavar="NAME", help="what people are told it is called")
    client.add_argument("--redirect", action="append", default=[], metavar="URL", help="where codes may be sent")
    client.add_argument("--secret", action="store_true", help="give it a secret, if it runs on a server that keeps it")
    add("rotate-keys", _rotate_keys, "sign access tokens with a new key at once; all that were given end")
    config = add("config", _config, "print the settings in effect, passwords hidden")
    config.add_argument("--page", action="store_true", help="print the page that documents all settings instead")
    return parser


def _seed(text: str) -> int:
    if not 0 <= int(text) < 2**32:
        raise argparse.ArgumentTypeError("it lies between 0 and 4294967295")
    return int(text)


def _with_options(settings: Settings, parsed: argparse.Namespace) -> Settings:
    given = {name: getattr(parsed, name, None) for name in ("host", "port")}
    changes = {name: value for name, value in given.items() if value is not None}
    try:
        # through the same checks as the settings themselves
        return msgspec.convert(msgspec.to_builtins(settings) | changes, Settings) if changes else settings
    except msgspec.ValidationError as error:
        raise SettingsError(f"Options: {error}") from error


def _up(settings: Settings, _: argparse.Namespace) -> int:
    from server.supervisor import up

    _refuse_exposure(settings)
    return up(settings)


def _serve(settings: Settings, _: argparse.Namespace) -> int:
    from server.serve import serve

    _refuse_exposure(settings)
    return serve(settings)


def _worker(settings: Settings, _: argparse.Namespace) -> int:
    from server import logs
    from server.storage.migrating import SchemaError
    from server.tasks import worker

    _refuse_exposure(settings)
    logs.set_up(settings)
    try:
        asyncio.run(worker.run(settings))
    except SchemaError as error:
        return _complain(error)
    finally:
        logs.flush()
    return 0


def _migrate(settings: Settings, _: argparse.Namespace) -> int:
    from tortoise.exceptions import BaseORMException

    from server import logs
    from server.storage import migrating

    logs.set_up(settings)
    try:
        applied = asyncio.run(migrating.migrate(settings))
    except (migrating.SchemaError, BaseORMException, OSError) as error:
        return _complain(error)
    finally:
        logs.flush()
    if sys.stdout.isatty():
        print(f"Applied {', '.join(applied)}." if applied else "The database has every migration already.")
    return 0


def _demo(settings: Settings, parsed: argparse.Namespace) -> int:
    from server.demo.loading import demo

    return demo(settings, check=parsed.check)


def _evaluate(settings: Settings, parsed: argparse.Namespace) -> int:
    from server import logs
    from server.evaluating import evaluate

    logs.set_up(settings)
    try:
        return evaluate(settings, parsed.shop, seed=parsed.seed, as_json=parsed.json)
    finally:
        logs.flush()


def _doctor(settings: Settings, _: argparse.Namespace) -> int:
    from server.doctor import doctor

    return doctor(settings)


def _create_owner(settings: Settings, parsed: argparse.Namespace) -> int:
    from server import bootstrapping

    return bootstrapping.create_owner(settings, parsed.email, parsed.name, parsed.shop, typed=not parsed.password_stdin)


def _create_client(settings: Settings, parsed: argparse.Namespace) -> int:
    from server import bootstrapping

    return bootstrapping.create_client(settings, parsed.name, parsed.redirect, with_secret=parsed.secret)


def _rotate_keys(settings: Settings, _: argparse.Namespace) -> int:
    from server import bootstrapping

    return bootstrapping.rotate_keys(settings)


def _config(settings: Settings, parsed: argparse.Namespace) -> int:
    from server import configuring

    print(configuring.page() if parsed.page else configuring.in_effect(settings), end="")
    return 0


def _refuse_exposure(settings: Settings) -> None:
    from server import checks

    finding = checks.exposure(settings)
    if finding.verdict == "bad":
        raise SettingsError(f"Vitrina does not start like this. {finding.text} {finding.advice}")


def _complain(error: Exception) -> int:
    print(error, file=sys.stderr)
    return 1


def _version() -> str:
    try:
        return f"vitrina-server {version('vitrina-server')}"
    except PackageNotFoundError:
        return "vitrina-server, not installed"


if __name__ == "__main__":
    sys.exit(main())
