"""Viewers of others click on our server: the wires that they speak, on top of ``Session``."""
