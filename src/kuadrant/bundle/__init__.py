"""The folder of a release: which files are in it, and whether each is the one that was signed."""
