"""Every example in the rules' documentation does what it says, and no rule lacks one."""

from __future__ import annotations

import doctest
import importlib
import inspect

import pytest

from genesis_actors import domain

MODULES = [
    "benchmarks",
    "child_price",
    "early_completion",
    "participation",
    "proof",
    "report",
    "schedule",
    "shortfall",
    "sizing",
    "slippage",
    "tape",
    "volume_profile",
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_are_true(name: str) -> None:
    module = importlib.import_module(f"genesis_actors.domain.{name}")
    failed, tried = doctest.testmod(module)

    assert tried > 0
    assert failed == 0


@pytest.mark.parametrize("name", [name for name in domain.__all__ if name.islower()])
def test_every_public_rule_has_an_example(name: str) -> None:
    assert ">>>" in (inspect.getdoc(getattr(domain, name)) or "")
