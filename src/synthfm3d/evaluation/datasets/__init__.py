"""Public datasets as their owners publish them: one small file for each, all of them in ``registry``."""
