"""Values that are replaced, never changed, and what is worked out of them once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Generic, Self, TypeVar, overload

T = TypeVar("T")


class Derived(Generic[T]):
    """What is worked out from some fields once, and anew only after one of them has changed.

    As `functools.cached_property`, but without its lock: what two threads work out at once is the same.
    """

    def __init__(self, work_out: Callable[[Any], T], sources: frozenset[str]) -> None:
        self._work_out = work_out
        self.sources = sources
        self.__doc__ = work_out.__doc__

    def __set_name__(self, _owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, state: None, owner: type) -> Self: ...
    @overload
    def __get__(self, state: object, owner: type) -> T: ...
    def __get__(self, state: object | None, owner: type) -> Self | T:
        if state is None:
            return self
        value = state.__dict__[self._name] = self._work_out(state)
        return value


def derived_from(*sources: str) -> Callable[[Callable[[Any], T]], Derived[T]]:
    """Make a method an attribute that follows from the fields `sources`."""
    return lambda work_out: Derived(work_out, frozenset(sources))


class State:
    """What is replaced, never changed."""

    _derived: ClassVar[dict[str, frozenset[str]]]
    """What is derived, and from which fields."""
    _outdated: ClassVar[dict[tuple[str, ...], tuple[str, ...]]]
    """What of that each combination of changes makes out of date, as far as it has come up."""

    def __init_subclass__(cls) -> None:
        cls._derived = {
            name: member.sources
            for name, member in vars(cls).items()
            if isinstance(member, Derived)
        }
        cls._outdated = {}

    def having(self, **changes: object) -> Self:
        """Return the same but for `changes`: what `replace` does, without running through every field."""
        return self._of(self._fields_with(changes))

    def _fields_with(self, changes: dict[str, object]) -> dict[str, Any]:
        """Return all attributes with `changes`, and without what is derived from what they change."""
        fields = self.__dict__ | changes
        names = tuple(changes)
        outdated = self._outdated.get(names)
        if outdated is None:
            outdated = self._outdated[names] = tuple(
                name for name, sources in self._derived.items() if not sources.isdisjoint(changes)
            )
        for name in outdated:
            fields.pop(name, None)
        return fields

    def _of(self, fields: dict[str, Any]) -> Self:
        changed = object.__new__(type(self))
        object.__setattr__(changed, "__dict__", fields)
        return changed
