"""PostgreSQL URLs that leave parts of themselves to the environment: passwords above all."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, unquote, urlsplit

from livetrader.config.environment import Variable
from livetrader.servers import SCHEMES


def completed(url: str, variables: Mapping[str, Variable], *prefixes: str) -> str:
    """`url` with each part that it lacks from PREFIX_USER, _PASSWORD, _HOST, _PORT or _NAME.

    The first of `prefixes` that has any of them gives all. Other URLs, and ones that cannot be read, stay as they are.
    """
    names = ("USER", "PASSWORD", "HOST", "PORT", "NAME")
    held = ({name: variables.get(f"{prefix}_{name}") for name in names} for prefix in prefixes)
    given = ({name: one.value for name, one in parts.items() if one is not None and one.value} for parts in held)
    found = next((parts for parts in given if parts), {})
    try:
        parts = urlsplit(url)
        port = parts.port or found.get("PORT")
    except ValueError:
        return url
    if parts.scheme not in SCHEMES or not found:
        return url
    user = unquote(parts.username or "") or found.get("USER", "")
    password = unquote(parts.password or "") or found.get("PASSWORD", "")
    # An address in version 6 of the protocol has colons of its own.
    host = parts.hostname or found.get("HOST", "")
    host = f"[{host}]" if ":" in host else quote(host, safe="")
    who = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
    path = parts.path.strip("/") or quote(found.get("NAME", ""), safe="")
    where = f"{who}@{host}" if who else host
    return parts._replace(netloc=f"{where}:{port}" if port else where, path=f"/{path}").geturl()
