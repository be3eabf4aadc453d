"""The section `portfolios`: what differs from the rest of the file, by the name of a portfolio."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from livetrader.config.fields import setting
from livetrader.config.section import Section

SECTION = "portfolios"

# It becomes part of file names, of PostgreSQL's names and of variables, where `__` stands between two names.
_NAME = re.compile(r"(?=.{1,24}$)[a-z][a-z0-9]*(?:_[a-z0-9]+)*")

Part = Mapping[str, Any]
"""Some settings of a section. They are checked with what they are laid over, and not alone."""


class Portfolio(Section):
    """What a portfolio has of its own. It shares stores, notifications, logs and reports, and they carry its name."""

    mode: str | None = setting(None, "As at the top level; null, here and below: what stands outside of `portfolios`.")
    symbols: str | None = setting(None, "As at the top level.")
    market: Part | None = setting(None, "Settings of `market`.")
    capital: Part | None = setting(None, "Settings of `capital`. In another currency, the amount is not inherited.")
    constraints: Part | None = setting(None, "Settings of `constraints`.")
    schedule: Part | None = setting(None, "Settings of `schedule`.")
    broker: Part | None = setting(None, "Settings of `broker`. No two portfolios may trade one account live.")
    feed: Part | None = setting(None, "Settings of `feed`.")
    venue: Part | None = setting(None, "Settings of `venue`.")
    strategies: Part | None = setting(None, "Settings of `strategies`; of its entries those that differ.")


def _named(value: object) -> object:
    for name in value if isinstance(value, Mapping) else ():
        if not _NAME.fullmatch(name):
            raise PydanticCustomError(
                "portfolio", "{name} is no name: use up to 24 small letters, digits and _", {"name": name}
            )
    return {} if value is None else value


Portfolios = Annotated[Mapping[str, Portfolio], BeforeValidator(_named)]


def overlay(
    values: dict[str, object], origins: dict[str, str], part: Mapping[str, object], name: str
) -> dict[str, str]:
    """Lay what the portfolio `name` has of its own over `values`, mapping by mapping; the paths that it sets, each with
    the path at which it stands in the file.

    Its origins become those of the settings. An amount of money in another currency is not inherited.
    """
    own: dict[str, str] = {}
    capital = part.get("capital")
    if isinstance(capital, Mapping) and "currency" in capital and isinstance(held := values.get("capital"), dict):
        held.pop("amount", None)
    _lay_over(values, part, "", f"{SECTION}.{name}", origins, own)
    return own


def _lay_over(
    values: dict[str, object], part: Mapping[str, object], path: str, at: str, origins: dict[str, str],
    own: dict[str, str],
) -> None:  # fmt: skip
    for key, value in part.items():
        if value is None and not path:
            continue  # `market:` with all its keys commented out
        inner, there = f"{path}.{key}".lstrip("."), f"{at}.{key}"
        own[inner] = there
        if there in origins:
            origins[inner] = origins[there]
        if not isinstance(value, Mapping):
            values[key] = value
            continue
        held = values.get(key)
        if not isinstance(held, dict):
            held = values[key] = {}
        _lay_over(held, value, inner, there, origins, own)
