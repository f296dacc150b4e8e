"""The ``camproof`` command."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from rich.console import Console

from camproof import __version__
from camproof.errors import CommandError, Exit

if TYPE_CHECKING:
    from camproof.options import Options

CAPTURE_METHODS = ("auto", "packets", "namespace", "proxy", "sockets")

Handler = Callable[[Console, argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    parsed = _parser().parse_args(arguments)
    console = Console(highlight=False)
    try:
        return int(parsed.handler(console, parsed))
    except CommandError as error:
        return _say(error, error.code, parsed.debug)
    except KeyboardInterrupt:
        return _say("interrupted", Exit.INCOMPLETE, show=False)
    except BrokenPipeError:
        return Exit.SUITE
    except Exception as error:  # noqa: BLE001 - the last place that can still speak to people
        return _unexpected(error, parsed.debug)


def _say(what: object, code: int, show: bool) -> int:  # noqa: FBT001 - two private callers
    if show:
        traceback.print_exc()
    print(f"camproof: {what}", file=sys.stderr)
    return code


def _unexpected(error: Exception, debug: bool) -> int:  # noqa: FBT001 - one private caller
    from devices.errors import DeviceError, DeviceFileError

    if isinstance(error, DeviceFileError):
        return _say(error, Exit.USAGE, debug)
    if isinstance(error, DeviceError):
        return _say(error, Exit.SUITE, debug)
    return _say(
        f"the suite itself failed: {type(error).__name__}: {error}\n"
        "Please report this; `camproof --debug ...` shows where it happened.",
        Exit.SUITE,
        debug,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="camproof",
        description="Conformance suite for IP-camera firmware.",
        epilog="Exit codes: 0 approved, 1 rejected, 2 wrong usage or device file, "
        "3 incomplete, 4 the suite itself failed.",
    )
    parser.add_argument("--version", action="version", version=f"camproof {__version__}")
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_demo(commands)
    _add_run(commands)
    _add_emulate(commands)
    _add_doctor(commands)
    _add_report(commands)
    _add_verify(commands)
    _add_catalogue(commands)
    _add_selftest(commands)
    _add_device(commands)
    _add_scene(commands)
    _add_restore(commands)
    return parser


Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - it has no public name


def _command(
    commands: Commands, name: str, summary: str, handler: Handler
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=summary)
    parser.set_defaults(handler=handler)
    return parser


def _add_assessment_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--profile", action="append", default=[], metavar="P",
                        help="what to decide by; may be repeated (default: core)")  # fmt: skip
    parser.add_argument("--select", default="", metavar="EXPR",
                        help="only these test cases, e.g. 'streams or CRED-00*'")  # fmt: skip
    parser.add_argument("--output", type=Path, metavar="DIR", help="folder of the run")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --output")
    parser.add_argument("--no-allure", action="store_true", help="do not make the Allure report")


def _add_demo(commands: Commands) -> None:
    parser = _command(commands, "demo", "Assess an emulated camera.", _demo)
    parser.add_argument("--fault", action="append", default=[], metavar="ID",
                        help="a fault it shall have; may be repeated")  # fmt: skip
    parser.add_argument("--capture", choices=CAPTURE_METHODS, metavar="METHOD",
                        help="how its streams are recorded, as [bench.capture] of a device file; "
                        "namespace: camera and run in a network of their own, without "
                        "root")  # fmt: skip
    _add_assessment_options(parser)


def _demo(console: Console, arguments: argparse.Namespace) -> int:
    if arguments.capture == "namespace":
        from devices.links.capture import namespace

        namespace.enter()  # before other imports: libraries start threads
    from camproof import assess

    return assess.demo(console, arguments.fault, _options(arguments), capture=arguments.capture)


def _add_run(commands: Commands) -> None:
    parser = _command(commands, "run", "Assess cameras of your own.", _run)
    parser.add_argument("device", nargs="+", type=Path, help="device file")
    parser.add_argument("--tests", action="append", default=[], type=Path, metavar="DIR",
                        help="folder with test cases of your own")  # fmt: skip
    _add_assessment_options(parser)


def _run(console: Console, arguments: argparse.Namespace) -> int:
    from camproof import assess

    return assess.run(console, arguments.device, _options(arguments))


def _options(arguments: argparse.Namespace) -> Options:
    from camproof.options import Options

    if arguments.resume and arguments.output is None:
        raise CommandError("--resume needs --output: the folder of the run to go on with")
    return Options(
        profiles=arguments.profile,
        select=arguments.select,
        tests=getattr(arguments, "tests", []),
        output=arguments.output,
        resume=arguments.resume,
        allure=not arguments.no_allure,
    )


def _add_emulate(commands: Commands) -> None:
    parser = _command(commands, "emulate", "Run an emulated camera until interrupted.", _emulate)
    parser.add_argument("--fault", action="append", default=[], metavar="ID")
    parser.add_argument("--write-device-file", type=Path, metavar="F")
    parser.add_argument("--address", help="loopback address (default: a free one)")
    parser.add_argument("--state", type=Path, metavar="DIR",
                        help="keep the unit here (default: a temporary folder)")  # fmt: skip
    parser.add_argument("--unit", type=int, default=1, choices=range(1, 256), metavar="N",
                        help="number of the unit, 1 to 255: its serial and keys (1)")  # fmt: skip
    parser.add_argument("--factory", action="store_true", help="leave it in factory state")


def _emulate(console: Console, arguments: argparse.Namespace) -> int:
    from camproof import emulate

    return emulate.serve(console, arguments)


def _add_doctor(commands: Commands) -> None:
    parser = _command(commands, "doctor", "Is the bench ready for this camera?", _doctor)
    parser.add_argument("device", type=Path, help="device file")


def _doctor(console: Console, arguments: argparse.Namespace) -> int:
    from camproof import doctor

    return doctor.examine(console, Path(arguments.device))


def _add_report(commands: Commands) -> None:
    parser = _command(commands, "report", "Make the reports of a run again.", _report)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--no-allure", action="store_true")


def _report(console: Console, arguments: argparse.Namespace) -> int:
    from camproof import assess

    return assess.report(console, arguments.folder, allure=not arguments.no_allure)


def _add_verify(commands: Commands) -> None:
    parser = _command(commands, "verify", "Check a dossier, offline.", _verify)
    parser.add_argument("dossier", type=Path)
    parser.add_argument(
        "--trusted-key",
        metavar="KEY",
        help="the laboratory's public key (PEM file) or its fingerprint",
    )


def _verify(console: Console, arguments: argparse.Namespace) -> int:
    from camproof import verify

    return verify.check(console, arguments.dossier, arguments.trusted_key)


def _add_catalogue(commands: Commands) -> None:
    parser = _command(commands, "catalogue", "What the suite knows.", _catalogue)
    parser.add_argument("what", choices=("tests", "clauses", "profiles", "faults", "coverage"))
    parser.add_argument("--format", choices=("table", "json"), default="table")


def _catalogue(console: Console, arguments: argparse.Namespace) -> int:
    from camproof import listings

    return listings.show(console, arguments.what, arguments.format)


def _add_selftest(commands: Commands) -> None:
    parser = _command(commands, "selftest", "Does the suite catch what it says?", _selftest)
    parser.add_argument("--faults", default="", metavar="EXPR", help="only these faults")
    parser.add_argument("--full", action="store_true",
                        help="the whole suite against every faulty twin")  # fmt: skip
    parser.add_argument("--cover", action="store_true",
                        help="few faults, that show every test case failing once")  # fmt: skip
    parser.add_argument("--no-clean", action="store_true", help="leave out the clean twin")
    parser.add_argument("--parallel", type=int, default=0, help="cameras at once")
    parser.add_argument("--output", type=Path, metavar="DIR")


def _selftest(console: Console, arguments: argparse.Namespace) -> int:
    from camproof import selftest

    return selftest.run(
        console,
        expression=arguments.faults,
        full=arguments.full,
        cover=arguments.cover,
        clean=not arguments.no_clean,
        parallel=arguments.parallel,
        output=arguments.output,
    )


def _add_device(commands: Commands) -> None:
    parser = _command(commands, "device", "Write, document and validate device files.", _device)
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")
    new = actions.add_parser("new", help="ask its way to a device file")
    new.add_argument("path", type=Path, nargs="?", default=Path("camera.toml"))
    actions.add_parser("schema", help="print the JSON Schema")
    check = actions.add_parser("check", help="name file, line and key of each fault")
    check.add_argument("device", type=Path, nargs="+")


def _device(console: Console, arguments: argparse.Namespace) -> int:
    from camproof import device_command

    return device_command.act(console, arguments)


def _add_scene(commands: Commands) -> None:
    parser = _command(commands, "scene", "Show a lens a fresh code, for the scene challenge.",
                      _scene)  # fmt: skip
    parser.description = (
        "Serves a full-screen page for a screen in front of the camera: a run sets a fresh code "
        "on it and reads it back from the camera's streams ([bench.scene] in the device file). "
        "With --png or --lens it writes one code to a file and ends."
    )
    parser.add_argument("--listen", default="127.0.0.1:8642", metavar="ADDRESS:PORT",
                        help="where the page is served (default: %(default)s)")  # fmt: skip
    parser.add_argument("--png", type=Path, metavar="FILE", help="write a picture with a code")
    parser.add_argument("--size", default="1920x1080", metavar="WxH",
                        help="pixels of the picture (default: %(default)s)")  # fmt: skip
    parser.add_argument("--lens", type=Path, metavar="FILE",
                        help="write a code for the lens of an emulated camera: bench.scene.file "
                        "of its device file")  # fmt: skip
    parser.add_argument("--code", help="show this code (default: a fresh one)")


def _scene(console: Console, arguments: argparse.Namespace) -> int:
    from camproof import scene

    return scene.show(console, arguments)


def _add_restore(commands: Commands) -> None:
    parser = _command(commands, "restore", "Undo what a run left changed on a camera.", _restore)
    parser.description = (
        "A run writes each change of a camera down before it makes it. This undoes what a run "
        "that was stopped half-way left open: users made, passwords changed, locks, the clock, "
        "the power, a reset, firmware. It says what it did, and what a person has to do. It may be "
        "called again."
    )
    parser.epilog = (
        "Exit codes: 0 nothing is open any more, 2 nothing could be begun (no run there, one that "
        "is still going on, a device file that is missing, wrong or out of date), 3 a person has "
        "to do the rest, 4 the suite itself failed."
    )
    parser.add_argument("folder", type=Path, metavar="DIR",
                        help="folder of the run, or of one of its cameras")  # fmt: skip
    parser.add_argument("device", type=Path, nargs="*", metavar="DEVICE.toml",
                        help="device file, for each unit (default: those of the run)")  # fmt: skip
    parser.add_argument("--same-unit", action="store_true",
                        help="do not ask the camera for its serial number first")  # fmt: skip


def _restore(console: Console, arguments: argparse.Namespace) -> int:
    from camproof import restore

    return restore.restore(
        console, arguments.folder.absolute(), arguments.device, same_unit=arguments.same_unit
    )


if __name__ == "__main__":
    sys.exit(main())
