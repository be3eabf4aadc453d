"""Numbers and times as people read them: Indian digit groups for rupees, exchange time, − for minus."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from decimal import ROUND_HALF_UP, Decimal

NOTHING = "–"
SYMBOLS = {"INR": "₹", "USDT": "$", "USD": "$"}
FINE, FINER = Decimal("0.0001"), Decimal("0.00000001")


def grouped(whole: str, currency: str) -> str:
    """The digits of a whole number in groups: 10,00,000 for INR, 1,000,000 elsewhere."""
    head, tail = whole[:-3], whole[-3:]
    size = 2 if currency == "INR" else 3
    parts = [tail]
    while head:
        parts.insert(0, head[-size:])
        head = head[:-size]
    return ",".join(parts)


def money(value: Decimal | None, currency: str, *, signed: bool = False) -> str:
    """₹10,00,000.00 or $1,000,000.00, rounded half up; `signed` puts + before gains."""
    if value is None or not value.is_finite():
        return NOTHING
    rounded = value.quantize(Decimal("0.01"), ROUND_HALF_UP)
    whole, cents = format(abs(rounded), "f").split(".")
    sign = "−" if rounded < 0 else "+" if signed and rounded > 0 else ""
    return f"{sign}{SYMBOLS.get(currency, '')}{grouped(whole, currency)}.{cents}"


def short_money(value: float, currency: str) -> str:
    """An amount for an axis or a cell, in a few characters: ₹1.2 L, −₹45 k, $3.4 M. Rupees count in lakh and crore."""
    steps = ((1e7, " Cr"), (1e5, " L"), (1e3, " k")) if currency == "INR" else ((1e9, " B"), (1e6, " M"), (1e3, " k"))
    size = abs(value)
    unit, name = next(((unit, name) for unit, name in steps if size >= unit * 0.9995), (1.0, ""))
    text = f"{size / unit:.3g}" if size / unit < 999.5 else f"{size / unit:,.0f}"
    return f"{'−' if value < 0 and float(text) else ''}{SYMBOLS.get(currency, '')}{text}{name}"


def price(value: Decimal | float | None) -> str:
    """A price rounded half up to 4 decimals (8 below 1), with at least two and no padding beyond them."""
    if value is None:
        return NOTHING
    exact = Decimal(str(value))
    text = format(exact.quantize(FINE if abs(exact) >= 1 else FINER, ROUND_HALF_UP), "f")
    whole, _, cents = text.partition(".")
    return f"{whole}.{cents.rstrip('0'):0<2}"


def quantity(value: Decimal) -> str:
    """A quantity without trailing zeros, − for a short one."""
    text = format(value, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", "−")


def percent(value: float | None, *, signed: bool = False) -> str:
    """A percentage with two decimals; `value` is in percent."""
    if value is None:
        return NOTHING
    sign = "−" if round(value, 2) < 0 else "+" if signed and round(value, 2) > 0 else ""
    return f"{sign}{abs(value):.2f} %"


def number(value: float | None) -> str:
    """A ratio with two decimals."""
    return NOTHING if value is None else f"{value:.2f}".replace("-", "−")


def duration(seconds: int) -> str:
    """2 h 05 min; days from 48 hours on, whole ones without hours."""
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    days, hours = minutes // 1440, minutes % 1440 // 60
    return f"{days} d {hours} h" if hours else f"{days} d"


def local(at: datetime | int, zone: tzinfo) -> datetime:
    """An instant (aware, or epoch seconds) in exchange time."""
    return datetime.fromtimestamp(at, UTC).astimezone(zone) if isinstance(at, int) else at.astimezone(zone)


def shortened(name: str, most: int) -> str:
    """`name` in at most so many characters, with … where it had more."""
    return name if len(name) <= most else f"{name[: most - 1]}…"


def day_ended(at: int, zone: tzinfo) -> datetime:
    """A time of the day that ends at `at`, where that is its close: midnight is no new day yet."""
    return local(at - 1, zone)


def clock(at: datetime | int, zone: tzinfo) -> str:
    return f"{local(at, zone):%H:%M}"


def stamp(at: datetime | int, zone: tzinfo) -> str:
    return f"{local(at, zone):%d %b %H:%M}"
