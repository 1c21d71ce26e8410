"""Anatomy: which structures a scene holds, their shapes and where they lie."""
