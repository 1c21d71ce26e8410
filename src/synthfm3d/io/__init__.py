"""The file formats of others: each module owns one orientation convention."""
