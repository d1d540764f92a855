"""Runs the command line: `python -m genesis_actors` is the same as `genesis`."""

from genesis_actors.cli.entry import main

if __name__ == "__main__":
    main()
