"""Promptable models behind one interface, and the checkpoints they come from."""
