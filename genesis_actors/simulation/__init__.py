"""The whole engine in virtual time against an exchange with a ledger of its own, with everything going wrong."""
