"""Where everything is strung together: volumes into folders, and the demonstration."""
