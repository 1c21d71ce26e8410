"""A seed becomes a scene: a few kilobytes of numbers that say everything about one volume."""
