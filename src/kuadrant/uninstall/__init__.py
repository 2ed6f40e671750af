"""`kuadrant uninstall`: takes an installation away so that no request fails, and none is left unasked for.

`planned` decides what is to be done from what was seen; `performing` looks, and does it.
"""
