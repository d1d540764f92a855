"""Takes secrets out of every text that leaves a gateway: as they are, and as addresses and JSON write them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, cast
from urllib.parse import quote, quote_plus

MASK: Final = "***"

_SECRET_NAMES = re.compile(
    r"(key|secret|passw|token|private_?key|seed|mnemonic|auth|cookie|signature|twofa|pin\b|uid|login|wallet)",
    re.IGNORECASE,
)
_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]+(?=@)")
_SIGNATURE = re.compile(r"(?<=signature=)[^&\s'\"]+")
_SHORTEST: Final = 4
"""What is shorter would be found in any text."""


class Redactor:
    """Knows the secrets of one venue."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in _forms(secret) if len(form) >= _SHORTEST}
        # The longest first, so that none is left in part.
        ordered = sorted(forms, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    @classmethod
    def of_config(cls, config: Mapping[str, object], *more: str | None) -> Redactor:
        """Know what `config` holds under names that sound secret, the credentials in its addresses, and `more`."""
        return cls([*secrets_in(config), *(text for text in more if text)])

    def text(self, value: object) -> str:
        """Return `value` as text without secrets.

        >>> Redactor(["s3cr3t/x"]).text("GET /?k=s3cr3t%2Fx via http://me:pw@proxy:1")
        'GET /?k=*** via http://***@proxy:1'
        """
        text = str(value)
        if self._known is not None:
            text = self._known.sub(MASK, text)
        return _SIGNATURE.sub(MASK, _CREDENTIALS.sub(MASK, text))


def secrets_in(value: object, *, is_secret: bool = False) -> Iterable[str]:
    """Yield every text in a configuration that must not be shown."""
    if isinstance(value, Mapping):
        for name, each in cast("Mapping[object, object]", value).items():
            named = bool(_SECRET_NAMES.search(str(name))) or str(name).lower() == "headers"
            yield from secrets_in(each, is_secret=is_secret or named)
    elif isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        for each in cast("Sequence[object]", value):
            yield from secrets_in(each, is_secret=is_secret)
    elif isinstance(value, str):
        if is_secret:
            yield value
        yield from (part for found in _CREDENTIALS.findall(value) for part in found.split(":", 1))


def masked(value: object, *, is_secret: bool = False) -> object:
    """Return a configuration as it may be shown: what sounds secret is masked, and so are credentials in addresses."""
    if isinstance(value, Mapping):
        shown: dict[str, object] = {}
        for name, each in cast("Mapping[object, object]", value).items():
            named = bool(_SECRET_NAMES.search(str(name))) or str(name).lower() == "headers"
            shown[str(name)] = masked(each, is_secret=is_secret or named)
        return shown
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [masked(each, is_secret=is_secret) for each in cast("Sequence[object]", value)]
    if is_secret and value not in {None, ""} and not isinstance(value, bool):
        return MASK
    return _CREDENTIALS.sub(MASK, value) if isinstance(value, str) else value


def _forms(secret: str) -> Iterable[str]:
    yield secret
    yield quote(secret, errors="replace")
    yield quote(secret, safe="", errors="replace")
    yield quote_plus(secret, errors="replace")
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    # A key of several lines may be cited line by line.
    lines = secret.splitlines()
    if len(lines) > 1:
        yield from (line for line in lines if not line.startswith("-----"))
