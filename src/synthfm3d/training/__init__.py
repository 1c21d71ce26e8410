"""Training promptable models on synthetic volumes."""
