"""`replace` for frozen dataclasses, several times as fast as the standard library's, which calls `__init__`.

An execution has many fields, and every event changes a few of them: recovery would spend most of its time there.
"""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")

_set = (
    object.__setattr__
)  # Past the guard that keeps an instance frozen: this one is not yet anybody's.


def replace(value: T, /, **changes: object) -> T:
    """Return a copy of `value` with `changes`, without what it has cached. Its class has no `__post_init__`."""
    kind = type(value)
    names = _names(kind)
    if not changes.keys() <= names.keys():
        raise TypeError(f"{kind.__name__} has no {', '.join(changes.keys() - names.keys())}")
    copy = object.__new__(kind)
    state: dict[str, object] | None = getattr(value, "__dict__", None)
    if state is None:
        for name in names:
            _set(copy, name, changes[name] if name in changes else getattr(value, name))
    else:
        kept = state if len(state) == len(names) else {name: state[name] for name in names}
        copy.__dict__.update(kept, **changes)
    return copy


@cache
def _names(kind: type[Any]) -> dict[str, None]:
    return dict.fromkeys(field.name for field in fields(kind))
