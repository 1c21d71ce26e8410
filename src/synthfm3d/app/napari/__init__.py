"""A plugin for napari: prompts on its layers become masks, in its own process and without a server."""
