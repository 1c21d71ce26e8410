"""Public datasets as their owners publish them; ``registry`` lists all of them."""
