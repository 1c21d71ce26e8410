"""A scan and a click, a box or a mask become the object's mask: ``predictor`` tells the story."""
