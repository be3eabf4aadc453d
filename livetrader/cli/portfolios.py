"""Reading commands on several portfolios: each in turn, under its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

import typer

from livetrader.cli.output import fail, print_json, print_styled
from livetrader.errors import LiveTraderError

if TYPE_CHECKING:
    from livetrader.config import Configuration

Read = TypeVar("Read")


def show_each(
    found: Mapping[str, Configuration],
    read: Callable[[Configuration], Read],
    show: Callable[[Configuration, Read], None],
    as_json: bool,
) -> None:
    """Show what `read` finds in the configurations of call.each_portfolio: of one alone, or of each under its name.

    With `as_json` it is the document, or an object of documents by portfolio, null where one could not be read: that
    one's error is said, the others are shown, and the exit code is the worst one's.
    """
    if "" in found:
        document = read(found[""])
        if as_json:
            print_json(document)
        else:
            show(found[""], document)
        return
    documents, failed = _read_each(found, read)
    if as_json:
        print_json({name: documents.get(name) for name in found})
    else:
        for number, (name, document) in enumerate(documents.items()):
            print_styled(f"\n{name}" if number else name, "bold")
            try:
                show(found[name], document)
            except LiveTraderError as error:
                failed[name] = error
    fail(failed)


def do_each(found: Mapping[str, Configuration], do: Callable[[Configuration], str]) -> None:
    """Do something to each, and say what was done; one that fails does not keep the others from it."""
    if "" in found:
        typer.echo(do(found[""]))
        return
    done, failed = _read_each(found, do)
    for name, said in done.items():
        typer.echo(f"{name}: {said}")
    fail(failed)


def _read_each(
    found: Mapping[str, Configuration], read: Callable[[Configuration], Read]
) -> tuple[dict[str, Read], dict[str, LiveTraderError]]:
    documents: dict[str, Read] = {}
    failed: dict[str, LiveTraderError] = {}
    for name, one in found.items():
        try:
            documents[name] = read(one)
        except LiveTraderError as error:
            failed[name] = error
    return documents, failed
