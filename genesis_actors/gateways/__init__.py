"""The venues: two simulated ones that live in this process, and what they are made of."""
