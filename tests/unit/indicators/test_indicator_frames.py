"""Named values as pandas frames for `entries(f)`."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from livetrader.errors import StrategyError
from livetrader.indicators.frames import Frames


@pytest.fixture
def frames() -> Frames:
    values = {"close": np.array([[1.0, 2.0], [3.0, np.nan]]), "ok": np.array([[True, False], [False, True]])}
    return Frames(values, np.array([1_769_485_500, 1_769_485_800]), ("AAA", "BBB"))


def test_frames_are_named_by_bar_open_and_symbol(frames: Frames) -> None:
    assert frames.close.index[0] == pd.Timestamp("2026-01-27 03:45", tz="UTC")
    assert list(frames.close.columns) == ["AAA", "BBB"]
    assert frames["ok"].dtypes.eq(bool).all()
    assert frames.close.loc["2026-01-27 03:50+00:00", "AAA"] == 3.0


def test_a_frame_is_made_once(frames: Frames) -> None:
    assert frames.close is frames["close"]
    assert (frames.close > frames.close.shift(1)).to_numpy().tolist() == [[False, False], [True, False]]


def test_the_names_can_be_listed(frames: Frames) -> None:
    assert list(frames) == ["close", "ok"]
    assert len(frames) == 2


def test_an_unknown_name_says_which_there_are(frames: Frames) -> None:
    with pytest.raises(StrategyError, match=r"no f\.ema50: indicators\(c\) gives close, ok"):
        frames.ema50  # noqa: B018  # looking is the test
