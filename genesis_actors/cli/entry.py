"""Where the command `genesis` begins: signals are heard before anything that takes time is loaded."""

from __future__ import annotations

import sys
from typing import NoReturn

from genesis_actors.cli.invocation import wants_json
from genesis_actors.cli.signals import leave_at_once


def main() -> NoReturn:
    leave_at_once(wants_json=wants_json(sys.argv[1:]))
    from genesis_actors.cli.main import main as run

    run()
