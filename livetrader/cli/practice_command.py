"""`livetrader practice`: an OpenAlgo on this machine, for `--mode live` without a broker."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

import typer

from livetrader.cli.call import configuration

# Where OpenAlgo listens, and so where the settings look for it.
PORT, WS_PORT = 5000, 8765


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: livetrader practice --analyze")(practice)


def practice(
    ctx: typer.Context,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, metavar="N", help="Of the API; 0: a free one.")
    ] = PORT,
    ws_port: Annotated[
        int, typer.Option("--ws-port", min=0, max=65535, metavar="N", help="Of the WebSocket; 0: a free one.")
    ] = WS_PORT,
    analyze: Annotated[bool, typer.Option("--analyze", help="Its Analyzer is on: orders go to its sandbox.")] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, metavar="S", help="Another market for each.")] = 1,
) -> None:
    """An OpenAlgo on this machine, with a simulated market.

    For the configured symbols, with three months of candles and, while NSE is open, a trade of each every second.
    Nothing of it is real. Trade there from a folder of its own: what was traded stays in the state of that folder.
    """
    found = configuration(ctx)
    from livetrader.bootstrap.practice import practising
    from livetrader.bootstrap.trader import OPENALGO_KEY
    from livetrader.market.clock import SystemClock

    with practising(found, SystemClock(), port=port, ws_port=ws_port, analyze=analyze, seed=seed) as made:
        server = made.server
        typer.echo(f"OpenAlgo to practise with: {server.url}, quotes at {server.stream.url}; Ctrl+C ends it")
        if OPENALGO_KEY not in found.variables:
            typer.echo(f"its key, for .env: {OPENALGO_KEY}={server.key}")
        with suppress(KeyboardInterrupt):
            made.run()
