"""Measures the machine it runs on. Figures compare; they promise nothing."""
