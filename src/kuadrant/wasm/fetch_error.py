"""Why a module could not be fetched."""


class FetchError(Exception):
    """No module was stored and nothing was changed; the text tells in a line why, and what to do."""
