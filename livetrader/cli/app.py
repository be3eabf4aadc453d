"""The root of Typer's tree: a command is built when it is named, and the others are not.

Nothing heavy is imported here or at the head of a command module: a command's `--help` must not wait for pandas.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Annotated, Any, NoReturn

import typer

from livetrader import __version__
from livetrader.cli.commands import COMMANDS, COMPLETE, EXAMPLE, root_help
from livetrader.cli.group import Group, group
from livetrader.cli.options import Globals
from livetrader.errors import UsageError


class _Commands(Mapping[str, Any]):
    """Typer's commands by name, each built from its module when it is asked for."""

    def __init__(self) -> None:
        self._built: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._built:
            self._built[name] = _build(name)
        return self._built[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


def _build(name: str) -> Any:
    module, _ = COMMANDS[name]
    family = typer.Typer(rich_markup_mode=None)
    import_module(f"livetrader.cli.{module}").register(family)
    # Typer builds all that is registered: only what was asked for may be.
    family.registered_commands = [c for c in family.registered_commands if c.callback and c.callback.__name__ == name]
    family.registered_groups = [
        g for g in family.registered_groups if g.typer_instance and g.typer_instance.info.name == name
    ]
    return typer.main.get_group(family).commands[name]


class _Root(Group):
    """The commands of `COMMANDS`, and the help that needs none of them."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes | {"commands": _Commands()})

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - Typer names it
        return list(COMMANDS)

    def get_help(self, ctx: Any) -> str:  # noqa: ARG002 - Typer names it
        return root_help()


app = group("livetrader", "", EXAMPLE, _Root)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"livetrader {__version__}")
        raise typer.Exit


# Typer's own options of these names cost every command's help the import of pydantic.
def _install_completion(ctx: typer.Context, asked: bool) -> None:
    from typer.completion import install_callback

    _completion(ctx, asked, install_callback)


def _show_completion(ctx: typer.Context, asked: bool) -> None:
    from typer.completion import show_callback

    _completion(ctx, asked, show_callback)


def _completion(ctx: typer.Context, asked: bool, callback: Callable[..., Any]) -> None:
    if asked:
        try:
            callback(ctx, None, asked)
        except SystemExit:  # it is done
            raise typer.Exit from None


@app.callback(invoke_without_command=True)
def root(
    ctx: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
    _install: Annotated[
        bool, typer.Option("--install-completion", callback=_install_completion, is_eager=True)
    ] = False,
    _show: Annotated[bool, typer.Option("--show-completion", callback=_show_completion, is_eager=True)] = False,
) -> None:
    """Without a command: the help."""
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


def complete() -> NoReturn:
    """Tell the shell what may follow: it asks through the environment, and not by arguments."""
    from typer._completion_classes import completion_init

    completion_init()
    sys.exit(typer.main.get_command(app).main([], prog_name="livetrader", complete_var=COMPLETE))


def call(arguments: Sequence[str], options: Globals) -> int:
    """Carry out one command; the exit code. UsageError for a wrong call."""
    command = typer.main.get_command(app)
    try:
        with command.make_context("livetrader", list(arguments), obj=options) as ctx:
            command.invoke(ctx)
    except typer.Exit as leave:
        return leave.exit_code
    except typer.Abort:
        raise KeyboardInterrupt from None
    except typer.TyperException as error:
        where = getattr(error, "ctx", None)
        hint = f"; see `{where.command_path} --help`" if where is not None else ""
        raise UsageError(error.format_message().rstrip(".") + hint) from None
    return 0
