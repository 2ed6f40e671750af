"""What a gateway must do, in the words of the shim that does it; each module is one dialect."""
