"""The configurations of Kuadrant's own shim, by its versions.

That shim leaves some things open that the project's does not. It compares host names in the case that the
client chose; it takes a value that is no UTF-8 for no value; a header that came twice is one of its values.
Where only the client's own choice of a header, of its case or of odd bytes decides, that is taken as it is:
the client could as well leave the header out. Where a request could get past a limit that it was not to
choose, the dialect says that it cannot express it.
"""
