"""Evaluations from cases to a report: in one process, in several, or in another tool."""
