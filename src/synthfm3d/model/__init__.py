"""Promptable models behind one interface, and their checkpoints."""
