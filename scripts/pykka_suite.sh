#!/bin/sh
# Runs Pykka's own tests with our PooledActor in the place of ThreadingActor. Nothing of Pykka's is
# kept here: its sdist is fetched into a temporary directory.
#
#     PYTHON=... scripts/pykka_suite.sh [pytest arguments]
set -eu

PYKKA=4.5.0
root=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-$root/.venv/bin/python}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

"$python" -m pip download --quiet --no-deps --no-binary :all: --dest "$work" "pykka==$PYKKA"
"$python" -m pip install --quiet --target "$work/site" "pytest-mock>=3.14" --no-deps
tar -xzf "$work/pykka-$PYKKA.tar.gz" -C "$work"

# The suite's conftest takes its actor type from `pykka`: ours stands there while it is read, and
# no longer, since test_threading_actor.py is about the original.
cat > "$work/site/pooled_runtime.py" <<'PLUGIN'
import pykka

from genesis_actors.runtime.futures import ActorFuture
from genesis_actors.runtime.pykka_actor import PooledActor

ORIGINAL = pykka.ThreadingActor, pykka.ThreadingFuture
pykka.ThreadingActor, pykka.ThreadingFuture = PooledActor, ActorFuture


def pytest_plugin_registered(plugin):
    if hasattr(plugin, "RUNTIMES"):
        pykka.ThreadingActor, pykka.ThreadingFuture = ORIGINAL


def pytest_report_header():
    return f"actor type under test: {PooledActor.__name__}"


def pytest_collection_modifyitems(items):
    on_runtime = [item for item in items if "runtime" in getattr(item, "fixturenames", ())]
    used = {item.callspec.params["runtime"].actor_class for item in on_runtime}
    assert used == {PooledActor}, used
PLUGIN

cd "$work/pykka-$PYKKA"
PYTHONPATH="$work/site:$root:." PYTHONDONTWRITEBYTECODE=1 "$python" -m pytest tests \
    -p pytest_mock -p pooled_runtime -p no:cacheprovider --timeout 60 -q "$@"
