"""The process that fills the candle tables, bar by bar, through the product's own write path.

    python -m tests.acceptance.soak.feed FOLDER SETTINGS

Reads when a bar opens (epoch seconds), stores the bars of all symbols that open then, and says how many were new.
"""

from __future__ import annotations

import sys
from pathlib import Path

from livetrader.bootstrap.candles import open_candles
from tests.acceptance.soak.desk import BAR, bar_of, configuration, read_day


def main(folder: Path, settings: str) -> None:
    day = read_day(folder)
    with open_candles(configuration(folder, settings)) as store:
        print("{}", flush=True)
        for line in sys.stdin:
            print(store.upsert(BAR, bar_of(day, int(line))).inserted, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
