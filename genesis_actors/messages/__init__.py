"""Typed, frozen messages: one module per receiving actor."""
