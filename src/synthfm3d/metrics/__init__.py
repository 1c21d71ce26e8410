"""How well a mask agrees with a reference, how a target is shaped, and how visible its boundary is."""
