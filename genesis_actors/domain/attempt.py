"""One try at one slice: how much of it, at what price - or why nothing can be sent now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from genesis_actors.domain.child_price import collar_price
from genesis_actors.domain.client_ids import client_order_id
from genesis_actors.domain.decision import Steps, TryAgain
from genesis_actors.domain.early_completion import early_completion_price
from genesis_actors.domain.execution import Slice, status_of
from genesis_actors.domain.participation import (
    Budget,
    child_quantity,
    effective_rate,
    minimum_quantity,
    participation_budget,
    volume_condition,
)
from genesis_actors.domain.schedule import catch_up_quantity
from genesis_actors.domain.surroundings import Surroundings
from genesis_actors.domain.sweep import unbound
from genesis_actors.messages.events import (
    ChildIntended,
    TwapSliceDelayed,
    TwapSliceExecuted,
    TwapSliceStarted,
)
from genesis_actors.messages.market_data import MarketView
from genesis_actors.messages.venue import PlaceOrder
from genesis_actors.values import (
    BPS,
    ZERO,
    Algo,
    Quote,
    Reason,
    Side,
    SliceStatus,
    Style,
    ceil_to_step,
    floor_to_step,
)

_QUOTE_PATIENCE = timedelta(seconds=1)
_CUTS_OF_CAP = {Reason.PARTICIPATION_CAP, Reason.QUIET_MARKET, Reason.VOLUME_ANOMALY}


def end_slice(steps: Steps, part: Slice, status: SliceStatus, reason: Reason | None) -> None:
    steps.add(
        TwapSliceExecuted(
            execution_id=steps.execution.execution_id,
            at=steps.now,
            slice_number=part.number,
            status=status,
            filled_quantity=part.filled_quantity,
            reason=reason,
        )
    )


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a slice would do if nothing bound it; `cut_by` says what already made it smaller than what is owed."""

    quantity: Decimal
    cut_by: Reason | None


class Attempt:
    """One try at one slice: it ends in a child order, a delay, or the end of the slice."""

    def __init__(
        self, steps: Steps, part: Slice, view: MarketView, surroundings: Surroundings
    ) -> None:
        self._steps = steps
        self._slice = part
        self._view = view
        self._surroundings = surroundings

    def make(self) -> None:
        x = self._steps.execution
        wanted = self._wanted()
        if wanted.quantity <= ZERO:
            self._end(Reason.AHEAD_OF_SCHEDULE)
            return
        if self._surroundings.is_halted:
            self._delay(Reason.HALTED)
            return
        quote = self._fresh_quote()
        if quote is None:
            return
        limit = self._limit_price()
        touch = quote.touch(x.order.side)
        if not self._rests and limit is not None and x.order.side.is_worse(touch, limit):
            self._delay(Reason.LIMIT_PRICE, limit=limit, actual=touch)
            return
        price = self._price(quote, limit)
        if not self._rests and x.order.side.is_worse(touch, price):
            self._delay(Reason.LIMIT_PRICE, limit=price, actual=touch)
            return
        self._size(wanted, quote, price)

    @property
    def _rests(self) -> bool:
        """Tell whether the child is to rest at the near touch: never while the price is favourable.

        `auto` rests for the first two thirds of the time until the next slice, then takes what is left.
        """
        x, part, now = self._steps.execution, self._slice, self._steps.now
        if x.accelerated or x.policy.style is Style.TAKER:
            return False
        return x.policy.style is Style.MAKER or now < x.takes_at(part, part.sent_at or now)

    def _price(self, quote: Quote, limit: Decimal | None) -> Decimal:
        x = self._steps.execution
        if self._rests:
            is_buy = x.order.side is Side.BUY
            near = quote.bid if is_buy else quote.ask
            if limit is None or not x.order.side.is_worse(near, limit):
                return near
            return (floor_to_step if is_buy else ceil_to_step)(limit, x.rules.tick)
        return collar_price(
            quote,
            x.order.side,
            x.policy.price_collar_bps,
            tick=x.rules.tick,
            limit_price=x.policy.limit_price,
            threshold_price=limit,
        )

    def _wanted(self) -> _Wanted:
        x, part = self._steps.execution, self._slice
        later = [s for s in x.unsent_slices if s.number > part.number]
        owed = x.remaining_quantity - sum((s.planned_quantity for s in later), ZERO)
        if x.accelerated:
            wanted = _Wanted(x.remaining_quantity, None)
        elif part.status is SliceStatus.WORKING:
            # Late fills, or more speed in between, may have brought it ahead of its schedule.
            target = part.target_quantity or ZERO
            wanted = _Wanted(min(target - part.filled_quantity, owed), None)
        else:
            quantity = catch_up_quantity(
                planned=part.planned_quantity,
                owed=max(owed, ZERO),
                slices_left=len(later) + 1,
                catch_up_limit=x.policy.catch_up_limit,
                lot=x.rules.lot,
            )
            most = floor_to_step(part.planned_quantity * x.policy.catch_up_limit, x.rules.lot)
            is_cut = x.policy.clipping is None and quantity >= most < owed
            wanted = _Wanted(quantity, Reason.CATCH_UP_LIMIT if is_cut else None)
        return wanted

    def _fresh_quote(self) -> Quote | None:
        x, view = self._steps.execution, self._view
        if view.quote is None or view.quote_age is None:
            self._delay(Reason.NO_QUOTE, wait=_QUOTE_PATIENCE)
            return None
        if view.quote_age > x.policy.max_quote_age:
            self._delay(
                Reason.STALE_QUOTE,
                wait=_QUOTE_PATIENCE,
                limit=_seconds(x.policy.max_quote_age),
                actual=_seconds(view.quote_age),
            )
            return None
        return view.quote

    def _limit_price(self) -> Decimal | None:
        """Return the worst price that is allowed now: the user's, and the early completion's while it lasts.

        A TWAP's guard stops what comes next; what shows its size, or takes all at once, must not pay beyond it at all.
        """
        x = self._steps.execution
        limit, target = x.policy.limit_price, x.policy.target_price or x.arrival_price
        threshold, guard = x.policy.early_completion_threshold, x.policy.max_slippage_bps
        if x.algo is not Algo.TWAP and guard is not None and x.arrival_price is not None:
            worst = x.arrival_price * (1 + x.order.side.sign * guard / BPS)
            return worst if limit is None or x.order.side.is_worse(limit, worst) else limit
        if not x.accelerated or not threshold or target is None:
            return limit
        level = early_completion_price(target, x.order.side, threshold)
        return level if limit is None or x.order.side.is_worse(limit, level) else limit

    def _size(self, wanted: _Wanted, quote: Quote, price: Decimal) -> None:
        x, part = self._steps.execution, self._slice
        budget = self._budget()
        remaining = x.remaining_quantity
        most = budget.quantity
        if x.available_quantity is not None:
            # Not even for the sake of a rest that could never be traded.
            most = min(most, x.available_quantity)
        quantity, cut_by = child_quantity(
            wanted=wanted.quantity, budget=most, remaining=remaining, price=price, rules=x.rules
        )
        if cut_by is Reason.PARTICIPATION_CAP:
            cut_by = part.reason if most < budget.quantity else budget.bound_by
        if self._waits_for_room(quantity, min(wanted.quantity, remaining), cut_by):
            self._delay(
                cut_by or Reason.PARTICIPATION_CAP, limit=budget.quantity, actual=wanted.quantity
            )
        elif quantity <= ZERO:
            self._blocked(cut_by or Reason.BELOW_MINIMUM, budget, wanted, price)
        elif self._would_waste_last_slice(quantity, remaining):
            self._delay(Reason.PARTICIPATION_CAP, limit=budget.quantity, actual=remaining)
        else:
            if part.market_volume is None:  # Nothing of it has been sent.
                self._start_slice(wanted, quote)
            self._intend(quantity, price, quote, wanted, budget, cut_by or wanted.cut_by)

    def _waits_for_room(self, quantity: Decimal, whole: Decimal, cut_by: Reason | None) -> bool:
        """Tell whether the cap cuts a clip now that it may let pass whole within w of when it was due.

        What shows is then a clip, and not as much of it as the volume of every second allows.
        """
        x, part = self._steps.execution, self._slice
        return (
            x.policy.clipping is not None
            and cut_by in _CUTS_OF_CAP
            and x.available_quantity is None
            and quantity < floor_to_step(whole, x.rules.lot)
            and self._steps.now < part.due_at + x.window
        )

    @property
    def _window_start(self) -> datetime:
        """When the window of the market's volume began: the answer that has it may have waited for its turn."""
        return min(self._view.at, self._steps.now) - self._steps.execution.window

    def _budget(self) -> Budget:
        x, part, view = self._steps.execution, self._slice, self._view
        if x.algo is Algo.MARKET:
            return unbound(x)
        window_start, profile = self._window_start, self._surroundings.profile
        expected = (
            None
            if profile is None
            else profile.expected_volume(window_start, window_start + x.window)
        )
        condition = volume_condition(
            view.window_volume,
            expected,
            quiet_share=x.policy.quiet_share,
            anomaly_multiple=x.policy.anomaly_multiple,
        )
        is_working = part.status is SliceStatus.WORKING and part.market_volume is not None
        return participation_budget(
            rate=effective_rate(x.policy.max_participation, condition),
            condition=condition,
            volume_since_start=view.summary.volume,
            filled=x.filled_quantity,
            window_volume=view.window_volume,
            filled_in_window=x.filled_since(window_start),
            reserved=x.reserved_quantity,
            slice_market_volume=part.market_volume
            if is_working and part.market_volume is not None
            else view.window_volume,
            slice_filled=part.filled_quantity,
        )

    def _blocked(self, reason: Reason, budget: Budget, wanted: _Wanted, price: Decimal) -> None:
        """Nothing can be traded now: end the slice if that cannot change for it, else try again soon."""
        x, part = self._steps.execution, self._slice
        if reason is Reason.BELOW_MINIMUM:  # What is wanted, and not what is let through.
            self._end(reason)
            return
        is_capped = x.algo is not Algo.MARKET
        if is_capped and part.status is SliceStatus.WORKING and part.market_volume is not None:
            most = x.policy.max_participation * part.market_volume - part.filled_quantity
            if most < minimum_quantity(x.rules, price):
                self._end(Reason.PARTICIPATION_CAP)
                if x.accelerated and self._steps.execution.unsent_slices:
                    following = self._steps.execution.unsent_slices[0]
                    Attempt(self._steps, following, self._view, self._surroundings).make()
                return
        self._delay(reason, limit=budget.quantity, actual=wanted.quantity)

    def _would_waste_last_slice(self, quantity: Decimal, remaining: Decimal) -> bool:
        """Tell whether this brings the last slice forward without finishing the order.

        Its children stay within one window's volume, so that an early start would leave the rest without a slice.
        """
        x, part = self._steps.execution, self._slice
        is_last = part.number == len(x.slices)
        is_early = part.status is SliceStatus.PLANNED and part.due_at > self._steps.now
        return is_last and is_early and quantity < remaining

    def _end(self, reason: Reason) -> None:
        part = self._slice
        status = status_of(part)
        end_slice(self._steps, part, status, None if status is SliceStatus.FILLED else reason)

    def _delay(
        self,
        reason: Reason,
        *,
        wait: timedelta | None = None,
        limit: Decimal | None = None,
        actual: Decimal | None = None,
    ) -> None:
        x, now = self._steps.execution, self._steps.now
        if x.algo is Algo.MARKET and reason is Reason.LIMIT_PRICE:
            self._end(reason)  # It takes what there is at its limit now, be it nothing.
            return
        retry_at = now + (wait or x.retry_interval)
        is_delayed_by_it = x.slice(self._slice.number).reason is reason and x.retry_at is not None
        if is_delayed_by_it and x.available_quantity is None:
            self._steps.ask(TryAgain(retry_at))
            return
        self._steps.add(
            TwapSliceDelayed(
                execution_id=x.execution_id,
                at=now,
                slice_number=self._slice.number,
                reason=reason,
                retry_at=retry_at,
                limit=limit,
                actual=actual,
            )
        )

    def _start_slice(self, wanted: _Wanted, quote: Quote) -> None:
        self._steps.add(
            TwapSliceStarted(
                execution_id=self._steps.execution.execution_id,
                at=self._steps.now,
                slice_number=self._slice.number,
                # What is brought forward beyond its own part is no debt when the price has gone.
                target_quantity=min(wanted.quantity, self._slice.planned_quantity)
                if self._steps.execution.accelerated
                else wanted.quantity,
                market_volume=self._view.window_volume,
                market_price=quote.mid,
                reason=wanted.cut_by,
            )
        )

    def _intend(
        self,
        quantity: Decimal,
        price: Decimal,
        quote: Quote,
        wanted: _Wanted,
        budget: Budget,
        cut_by: Reason | None,
    ) -> None:
        x, now = self._steps.execution, self._steps.now
        attempt = max(x.slice(self._slice.number).attempts, x.lost_attempts) + 1
        name = client_order_id(
            x.client_order_id_prefix, x.execution_id, self._slice.number, attempt
        )
        self._steps.add(
            ChildIntended(
                execution_id=x.execution_id,
                at=now,
                client_order_id=name,
                slice_number=self._slice.number,
                attempt=attempt,
                quantity=quantity,
                price=price,
                mid=quote.mid,
                touch=quote.touch(x.order.side),
                quoted_at=now - (self._view.quote_age or timedelta(0)),
                wanted_quantity=wanted.quantity,
                budget_quantity=budget.quantity,
                rate=budget.rate,
                cut_by=cut_by,
                market=self._view.summary,
                resting=self._rests,
            )
        )
        self._steps.ask(
            PlaceOrder(
                execution_id=x.execution_id,
                client_order_id=name,
                slice_number=self._slice.number,
                symbol=x.order.symbol,
                side=x.order.side,
                quantity=quantity,
                price=price,
                mid=quote.mid,
                rate=budget.rate,
                market_volume=self._view.window_volume,
                window_start=self._window_start,
                parent_quantity=x.quantity,
                remaining_quantity=x.remaining_quantity,
                resting=self._rests,
                obeys_cap=x.algo is not Algo.MARKET,
            )
        )


def _seconds(duration: timedelta) -> Decimal:
    return Decimal(duration // timedelta(microseconds=1)) / 1_000_000
