"""The command line: it turns words into calls of the engine's door, and what comes back into text or JSON."""
