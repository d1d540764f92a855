"""Thin shells: a mailbox around a pure decision. No trading rule lives here."""
