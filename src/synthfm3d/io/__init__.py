"""Read and write the file formats of others; each module has one convention of orientation."""
