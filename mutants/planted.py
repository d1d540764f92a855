"""Bugs to plant, one at a time: each loses or risks money, and each must be found by `genesis simulate`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """Replace `old`, which stands in `file` of the package exactly once, by `new`."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutant:
    name: str
    why: str
    changes: tuple[Change, ...]


def _mutant(name: str, why: str, *changes: tuple[str, str, str]) -> Mutant:
    return Mutant(name, why, tuple(Change(*change) for change in changes))


MUTANTS = (
    _mutant(
        "resend_with_same_id",
        "A second attempt under the first one's name may trade twice, and nobody can tell which it was.",
        (
            "domain/attempt.py",
            "attempt = max(x.slice(self._slice.number).attempts, x.lost_attempts) + 1",
            "attempt = max(1, x.slice(self._slice.number).attempts)",
        ),
    ),
    _mutant(
        "drop_late_fill",
        "What traded after its order had closed is ours all the same.",
        (
            "domain/outcomes.py",
            "    if any(fill.trade_id == message.trade_id for fill in child.fills):\n",
            "    if not child.status.is_open or any(\n"
            "        fill.trade_id == message.trade_id for fill in child.fills\n"
            "    ):\n",
        ),
    ),
    _mutant(
        "count_duplicate_fill",
        "A trade that is told twice has happened once.",
        (
            "domain/outcomes.py",
            "    if any(fill.trade_id == message.trade_id for fill in child.fills):\n",
            "    if not message.trade_id:\n",
        ),
    ),
    _mutant(
        "acknowledge_before_commit",
        "The user relies on a pause that a crash undoes.",
        (
            "actors/slicer.py",
            "if not self._waiters or not self._is_durable:",
            "if not self._waiters:",
        ),
    ),
    _mutant(
        "effects_before_durable",
        "An order is at the venue, and after a crash nobody knows of it.",
        (
            "actors/slicer.py",
            "_MAY_GO_FIRST = (CancelOrder,",
            "_MAY_GO_FIRST = (PlaceOrder, CancelOrder,",
        ),
    ),
    _mutant(
        "skip_reconcile",
        "What was open when the process died is taken for never accepted, and sent again.",
        (
            "domain/decide.py",
            '            mark_unknown(steps, child, "restarted before its outcome was known")\n',
            "            close_child(steps, child, OrderStatus.NEVER_ACCEPTED, None, wait=AT_ONCE)\n",
        ),
    ),
    _mutant(
        "forget_reserved_of_unknown",
        "An order without an answer may still trade; sending its quantity again trades it twice.",
        (
            "domain/execution.py",
            "        if not self.status.is_open:\n            return ZERO\n",
            "        if not self.status.is_open or self.status is OrderStatus.UNKNOWN:\n"
            "            return ZERO\n",
        ),
    ),
    _mutant(
        "burst_after_stall",
        "Every slice that a stall has missed is sent at once, against the market.",
        ("domain/working.py", "        newest = due[-1]\n", "        newest = due[0]\n"),
    ),
    _mutant(
        "not_found_is_proof",
        "Reads lag and requests travel: an order that is not found may yet trade.",
        ("domain/unknown.py", "    if message.is_proof:\n", "    if message.asked_at:\n"),
    ),
    _mutant(
        "proof_deadline_ignored",
        "Two questions in a row prove nothing while the request may still arrive.",
        (
            "domain/unknown.py",
            "    if deadline is None or asked_at < deadline:\n",
            "    if deadline is None:\n",
        ),
    ),
    _mutant(
        "close_believed_before_fills",
        "The venue says that it traded; what it traded is counted as not done, and done again.",
        (
            "domain/outcomes.py",
            "    if told > child.filled_quantity:\n",
            "    if told > child.quantity:\n",
        ),
    ),
    _mutant(
        "pause_acknowledged_while_working",
        "The user trades against an order that is still at the venue.",
        (
            "actors/slicer.py",
            "(x.state is ExecutionState.PAUSED and not x.open_children)",
            "x.state is ExecutionState.PAUSED",
        ),
    ),
    _mutant(
        "restart_resumes_paused",
        "What somebody has stopped goes on by itself after a crash.",
        (
            "domain/decide.py",
            "    is_going_on = execution.state is ExecutionState.RUNNING\n"
            "    # Whoever has paused it",
            "    if execution.state is ExecutionState.PAUSED:\n"
            "        resume(steps, ResumeMode.SHIFT)\n"
            "    is_going_on = steps.execution.state is ExecutionState.RUNNING\n"
            "    # Whoever has paused it",
        ),
    ),
    _mutant(
        "automatic_resume_lifts_user_pause",
        "A pause by a rule may lift its own reason, not the user's.",
        (
            "domain/pausing.py",
            "x.state is ExecutionState.PAUSED and x.reason is Reason.UNSETTLED_CHILD",
            "x.state is ExecutionState.PAUSED",
        ),
    ),
    _mutant(
        "halt_acknowledged_before_durable",
        "The operator relies on a halt that a crash undoes.",
        (
            "actors/halting.py",
            "            self._tell(HaltChanged(is_halted=True))\n",
            "            self._tell(HaltChanged(is_halted=True))\n"
            "            self._actor.send(message.reply_to, HaltDone(is_halted=True))\n",
        ),
    ),
    _mutant(
        "halt_forgotten_at_restart",
        "Everything trades on after a restart, though it was halted.",
        (
            "recovery.py",
            "        is_halted=identity is not None and identity.halted_at is not None,\n",
            "        is_halted=False,\n",
        ),
    ),
    _mutant(
        "halt_ignored_at_release",
        "What was decided before the halt is sent after it.",
        (
            "domain/decide.py",
            "    if surroundings.is_halted:\n",
            "    if surroundings.is_halted is None:\n",
        ),
        (
            "domain/gate.py",
            "        if self.is_halted or self.is_shut:\n",
            "        if self.is_shut:\n",
        ),
    ),
    _mutant(
        "symbol_budget_ignores_reserved",
        "Executions that work at one instant use the same volume twice, and move the market.",
        (
            "domain/symbol_use.py",
            "            reserved=self.reserved,\n",
            "            reserved=ZERO,\n",
        ),
    ),
    _mutant(
        "symbol_budget_ignores_fills",
        "All executions of a symbol together take more than their share.",
        (
            "domain/symbol_use.py",
            "filled_in_window=self.filled_since(order.window_start)",
            "filled_in_window=ZERO",
        ),
    ),
    _mutant(
        "own_budget_ignores_fills",
        "One execution takes more than its share of the market's volume.",
        (
            "domain/attempt.py",
            "filled_in_window=x.filled_since(window_start)",
            "filled_in_window=ZERO",
        ),
        (
            "domain/symbol_use.py",
            "filled_in_window=self.filled_since(order.window_start)",
            "filled_in_window=ZERO",
        ),
    ),
    _mutant(
        "snapshot_loses_a_field",
        "After a restart the figures are others than those that were reported.",
        (
            "domain/execution.py",
            "_STATE.dump_json(execution, exclude_defaults=True)",
            '_STATE.dump_json(execution, exclude={"paused_at", "fees_quote"})',
        ),
    ),
    _mutant(
        "story_loses_its_end",
        "What a venue tells of an order in one breath is more than its first word.",
        (
            "domain/outcomes.py",
            "    for outcome in outcomes:\n",
            "    for outcome in outcomes[:1]:\n",
        ),
    ),
    _mutant(
        "what_was_caused_is_not_written",
        "Events that several messages have caused together become durable together, or an order is nobody's.",
        (
            "actors/slicer.py",
            "        x, events = self._execution, tuple(self._unwritten)\n",
            "        x, events = self._execution, tuple(self._unwritten[-4:])\n",
        ),
    ),
    _mutant(
        "late_fill_without_row",
        "The journal has a trade that nobody finds in the table.",
        (
            "actors/slicer.py",
            "                fills=changed.fills,\n",
            "                fills=() if x.state is ExecutionState.PAUSED else changed.fills,\n",
        ),
    ),
    _mutant(
        "foreign_order_cancelled",
        "An order that somebody else has placed through the same account is taken away.",
        (
            "actors/supervisor.py",
            "            self._load(outcome.execution_id)\n",
            "            self._load(outcome.execution_id)\n"
            "            from genesis_actors.messages.venue import CancelOrder\n"
            "            self.send(\n"
            "                self._ports.venue,\n"
            "                CancelOrder(\n"
            "                    execution_id=outcome.execution_id,\n"
            "                    client_order_id=outcome.client_order_id,\n"
            "                    symbol=next(iter(self._admitting.described)),\n"
            "                ),\n"
            "            )\n",
        ),
    ),
    _mutant(
        "attempts_forgotten_at_restart",
        "After a restart a name is used a second time.",
        (
            "domain/execution.py",
            "    return _STATE.validate_json(state)\n",
            "    from dataclasses import replace\n"
            "    x = _STATE.validate_json(state)\n"
            "    return replace(x, slices=tuple(replace(part, attempts=0) for part in x.slices))\n",
        ),
    ),
    _mutant(
        "oversend",
        "More is sent than was ordered, and the gate is open.",
        ("domain/participation.py", "    child = min(goal, most)\n", "    child = most\n"),
        (
            "domain/gate.py",
            "        if order.quantity > left:\n",
            "        if order.quantity < 0:\n",
        ),
    ),
    _mutant(
        "failed_write_acknowledged",
        "What the disk has refused is taken for safe.",
        (
            "actors/persistence.py",
            "        for write, failure in zip(batch, failures, strict=True):\n"
            "            self._answer(write, failure)\n",
            "        for write in batch:\n            self._answer(write, None)\n",
        ),
    ),
    _mutant(
        "settled_part_counted_twice",
        "What the operator has said and what the venue tells later is one and the same trade.",
        (
            "domain/evolve.py",
            "    said = min(event.quantity, child.settled_quantity)\n",
            "    said = event.quantity * 0\n",
        ),
    ),
    _mutant(
        "trades_not_asked_for",
        "A trade that was never told, of an order that is closed, is never recorded.",
        (
            "actors/venue.py",
            "        self._report(trades or ())\n",
            "        self._report(())\n",
        ),
    ),
    _mutant(
        "rebuild_from_stale_state",
        "Actors that are rebuilt begin where an earlier rebuild began: what has traded since is forgotten.",
        ("engine.py", "ground.store.look(ground.recover)", "stock"),
    ),
    _mutant(
        "resume_shifts_twice",
        "The second resume moves the end by the first pause, too.",
        (
            "domain/evolve.py",
            "        paused_at=None,\n        ends_at=event.ends_at,\n",
            "        ends_at=event.ends_at,\n",
        ),
    ),
    _mutant(
        "limit_ignored",
        "It trades at prices that its user has ruled out.",
        (
            "domain/attempt.py",
            "        limit, target = x.policy.limit_price, x.policy.target_price or x.arrival_price\n",
            "        limit, target = None, x.policy.target_price or x.arrival_price\n",
        ),
        (
            "domain/attempt.py",
            "            limit_price=x.policy.limit_price,\n",
            "            limit_price=None,\n",
        ),
    ),
    _mutant(
        "slippage_guard_ignored",
        "It follows the price away, though it should have stopped for its user.",
        (
            "domain/working.py",
            "    if moved <= most * x.arrival_price:\n",
            "    if moved <= most * x.arrival_price * 1000:\n",
        ),
    ),
    _mutant(
        "commands_lost_in_rebuild",
        "Who has asked when actors failed never hears what came of it.",
        (
            "actors/control.py",
            "        for number, asked in list(self._asked.items()):\n",
            "        for number, asked in list(self._asked.items())[:0]:\n",
        ),
    ),
    _mutant(
        "commands_lost_with_slicer",
        "A command that its slicer had not answered when it failed is forgotten, and its sender waits.",
        (
            "actors/supervisor.py",
            "        for command in slicer.unanswered:\n            self._hand_over",
            "        for command in slicer.unanswered[:0]:\n            self._hand_over",
        ),
    ),
    _mutant(
        "unhalt_reaches_nobody",
        "The operator has lifted the halt, and nothing goes on.",
        (
            "actors/supervisor.py",
            "        self.send(self._ports.gate, changed)\n        for slicer in self._slicers.values():\n",
            "        self.send(self._ports.gate, changed)\n"
            "        for slicer in self._slicers.values() if changed.is_halted else ():\n",
        ),
    ),
    _mutant(
        "reservations_not_restored",
        "After a restart the others use what an order without an answer may yet take.",
        (
            "actors/risk.py",
            "            use.reserve(name, order.reserved_quantity)\n",
            "            use.reserve(name, ZERO)\n",
        ),
    ),
    _mutant(
        "average_at_the_limit",
        "The average price is that of the orders, not that of their trades.",
        (
            "domain/evolve.py",
            "    quantity, notional = event.quantity, event.quantity * event.price\n",
            "    quantity, notional = event.quantity, event.quantity * child.price\n",
        ),
    ),
    _mutant(
        "late_fill_without_fee",
        "What trades after its order has closed is shown as free.",
        (
            "domain/evolve.py",
            "    fees = _add_fee(x, event)\n",
            "    fees = _add_fee(x, event) if child.status.is_open else x.fees_quote\n",
        ),
    ),
    _mutant(
        "sent_by_old_terms",
        "What was decided before an amendment goes out after it.",
        (
            "domain/decide.py",
            "    is_as_ordered = execution.amendments == child.amendments_before\n",
            "    is_as_ordered = execution.amendments >= child.amendments_before\n",
        ),
    ),
    _mutant(
        "amended_limit_forgotten",
        "A limit that was set while it ran is acknowledged, and binds nothing.",
        (
            "domain/evolve.py",
            "limit_price=after.limit_price, max_participation",
            "limit_price=before.limit_price, max_participation",
        ),
    ),
    _mutant(
        "amended_rate_forgotten",
        "A lower share of the market is acknowledged, and not kept to.",
        (
            "domain/evolve.py",
            "max_participation=after.max_participation",
            "max_participation=before.max_participation",
        ),
    ),
    _mutant(
        "amended_below_what_is_open",
        "The order is cut below what is at the exchange and may trade.",
        (
            "domain/amending.py",
            "        return self.x.filled_quantity + self.x.reserved_quantity\n",
            "        return self.x.filled_quantity\n",
        ),
    ),
    _mutant(
        "gate_not_told_of_amendment",
        "The gate holds the larger order for a mistake, and stops it.",
        (
            "domain/amending.py",
            "        steps.ask(parent_as_it_is(x))\n",
            "        pass\n",
        ),
    ),
    _mutant(
        "settlement_lost_with_its_slicer",
        "What risk and the gate go on reserving is never traded.",
        (
            "domain/decide.py",
            "    steps.ask(*settlements(execution))\n",
            "",
        ),
    ),
    _mutant(
        "amended_plan_shifted_by_whole_pause",
        "An end that was named during a pause moves by what had passed of the pause before.",
        (
            "domain/pausing.py",
            "        paused_at = max(paused_at, x.amended_plan_at)\n",
            "        paused_at = min(paused_at, x.amended_plan_at)\n",
        ),
    ),
    _mutant(
        "amendment_acknowledged_before_commit",
        "The user relies on a limit that a crash undoes.",
        (
            "actors/slicer.py",
            "        self._apply(decision)\n        self._keep_promises()\n",
            "        self._apply(decision)\n"
            "        if isinstance(command, AmendExecution):\n"
            "            done = CommandDone(\n"
            "                execution_id=command.execution_id, state=self._execution.state\n"
            "            )\n"
            "            self.send(command.reply_to, done)\n"
            "        self._keep_promises()\n",
        ),
    ),
    _mutant(
        "accepted_below_the_tier",
        "An account that has become too small for an algorithm begins with it all the same.",
        (
            "domain/limits.py",
            "    if needed.is_met_by(tier):\n",
            "    if tier is not None:\n",
        ),
    ),
)
