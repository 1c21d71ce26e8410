"""Interactive segmentation where people look at scans: a server with a page, and a viewer for notebooks."""
