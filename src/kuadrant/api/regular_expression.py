"""Regular expressions as Envoy takes them: RE2."""

from functools import cache, lru_cache

from cel_expr_python import cel


@cache
def _matches() -> cel.Expression:
    return cel.NewEnv(variables={"expression": cel.Type.STRING}).compile('"".matches(expression)')


@lru_cache(maxsize=4096)
def fault(expression: str) -> str | None:
    """Return what is wrong with ``expression`` in RE2's words, or None if it is sound.

    CEL's ``matches`` is RE2 itself, so the answer is the one that Envoy will come to.
    """
    if "\0" in expression:
        return "a NUL; write it as \\x00"  # this CEL ends a text there, Envoy does not
    value = _matches().eval(data={"expression": expression})
    if value.type() != cel.Type.ERROR:
        return None
    return (
        str(value.plain_value())
        .removeprefix("INVALID_ARGUMENT: ")
        .removeprefix("invalid regular expression: ")
    )
