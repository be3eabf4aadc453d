"""Groups of commands: the settings that all of them share."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup


class Group(TyperGroup):
    """A group whose `--help` is quick."""

    def get_help_option(self, ctx: Any) -> Any:
        """`--help` with a default: for one without, Typer imports pydantic before any command's help."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.default = False
        return option


def group(name: str, help_text: str, example: str, kind: type[Group] = Group) -> typer.Typer:
    """A group of commands, in plain text."""
    return typer.Typer(
        name=name,
        cls=kind,
        help=help_text,
        epilog=f"Example: {example}",
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
