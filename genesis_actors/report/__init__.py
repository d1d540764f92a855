"""Reports as pages: one file that needs nothing else, made from the JSON that `genesis report` shows."""
