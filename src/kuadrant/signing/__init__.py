"""Signatures over statements of files: keys, envelopes (DSSE) and statements (in-toto); pure."""
