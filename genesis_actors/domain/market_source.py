"""Whether an execution may go on in this market: in the one that it began in, as far as anybody knows what that was."""

from __future__ import annotations

from genesis_actors.values import MarketSource


def differing_parts(began: MarketSource | None, now: MarketSource | None) -> tuple[str, ...]:
    """Return what two markets are made of that is not the same; nothing where one is real, or nobody noted it.

    >>> differing_parts(
    ...     (("trades", "1f"), ("book", "2c")), (("trades", "77"), ("book", "2c"), ("depth", "09"))
    ... )
    ('trades', 'depth')
    """
    if began is None or now is None:
        return ()
    before, after = dict(began), dict(now)
    return tuple(name for name in {**before, **after} if before.get(name) != after.get(name))
