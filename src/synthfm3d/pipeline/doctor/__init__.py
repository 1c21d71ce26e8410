"""What is wrong with this installation and this machine: small checks, each with a way out."""
