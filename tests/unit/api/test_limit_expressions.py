import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuadrant.api.limit_expressions import (
    EvaluationError,
    ExpressionError,
    compile_condition,
    compile_variable,
)
from kuadrant.policy.identifiers import descriptor_entry

BOB = {"limit.a__1": "1", "user": "bob", "auth.identity.x-id": "7", "größe": "ü"}

# The same condition in each form that it can have; the last one is CEL.
FORMS = [
    'descriptors[0]["user"] {operator} "bob"',
    "descriptors[0]['user'] {operator} 'bob'",
    "  descriptors[0].user{operator}'bob' ",
    'user {operator} "bob"',
    '(descriptors[0]["user"] {operator} "bob")',
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("operator", "descriptors", "holds"),
    [
        ("==", [BOB], True),
        ("==", [{"user": "alice"}], False),
        ("==", [{}], False),
        ("==", [], False),
        ("!=", [BOB], False),
        ("!=", [{"user": "alice"}], True),
        ("!=", [{}], False),
        ("!=", [], False),
    ],
)
def test_an_entry_is_compared_and_a_missing_one_never_holds(
    form: str, operator: str, descriptors: list[dict[str, str]], holds: bool
) -> None:
    assert compile_condition(form.format(operator=operator)).holds(descriptors) is holds


@pytest.mark.parametrize(
    ("source", "holds"),
    [
        ('descriptors[0]["user"] == "bob"', False),
        ('descriptors[1]["user"] == "bob"', True),
        ('descriptors[1].user != "x"', True),
        ('descriptors[7]["user"] == "bob"', False),
        ('descriptors[7]["user"] == "bob" || true', True),
        ('user == "bob"', True),
        ('user == "alice"', True),
        ('user != "bob"', True),
        ('user != "carol"', True),
        ('nobody != "carol"', False),
        ('descriptors.exists(d, d["user"] == "bob")', True),
    ],
)
def test_an_index_means_one_descriptor_and_the_older_form_any(source: str, holds: bool) -> None:
    assert compile_condition(source).holds([{"user": "alice"}, BOB]) is holds


@pytest.mark.parametrize(
    "source",
    [
        'limit.a__1 == "1"',
        'auth.identity.x-id == "7"',
        'größe == "ü"',
        'descriptors[0]["größe"] == "ü"',
        'descriptors[0]["limit.a__1"]=="1"',
    ],
)
def test_an_equality_is_native_and_known_by_its_entry(source: str) -> None:
    condition = compile_condition(source)

    assert condition.native
    assert condition.equality in set(BOB.items())
    assert condition.holds([BOB])


@pytest.mark.parametrize(
    ("source", "reads"),
    [
        ('descriptors[1]["a"] == "1"', {1}),
        ('a == "1"', None),
        ('descriptors[0]["a"] == descriptors[2]["a"]', {0, 2}),
        ('descriptors.exists(d, d["a"] == "1")', None),
        ('descriptors[0]["a"] == "1" || size(descriptors) > 3', None),
        ("true", set()),
    ],
)
def test_a_condition_knows_which_descriptors_it_reads(source: str, reads: set[int] | None) -> None:
    assert compile_condition(source).reads == reads


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("user == bob", "column 1: undeclared reference to 'user'"),
        ('descriptors[0]["a"] == 1', "column 21: found no matching overload"),
        ('descriptors[0]["a', "Syntax error"),
        ('descriptors[0]["a"]', "is of type STRING, but a condition is true or false"),
        ("user", "undeclared reference to 'user'"),
        ('descriptors.a == "1"', "descriptors"),
        ('true == "1"', "no matching overload"),
        ("", "Syntax error"),
        ("true\0 && false", "has a NUL character"),
    ],
)
def test_a_wrong_condition_is_refused_with_its_place(source: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_condition(source)

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ('descriptors[0]["user"]', "bob"),
        ("descriptors[0].user", "bob"),
        ("user", "bob"),
        ("auth.identity.x-id", "7"),
        ("limit.a__1", "1"),
        ('descriptors[0]["user"] + "!"', "bob!"),
        ('int(descriptors[0]["auth.identity.x-id"]) + 1', "8"),
        ('uint(descriptors[0]["auth.identity.x-id"])', "7"),
        ('double(descriptors[0]["auth.identity.x-id"]) / 2.0', "3.5"),
        ('descriptors[0]["user"] == "bob"', "true"),
        ('"nobody" in descriptors[0]', "false"),
        ("null", "null"),
        ("1", "1"),
        ('descriptors[0]["nobody"]', None),
        ("descriptors[1].user", None),
        ("nobody", None),
        ('descriptors[0]["nobody"] + "!"', None),
        ('descriptors[3]["user"] + "!"', None),
    ],
)
def test_a_variable_is_a_text_or_is_missing(source: str, value: str | None) -> None:
    assert compile_variable(source).value([BOB]) == value


def test_the_older_form_of_a_variable_takes_the_first_descriptor_that_has_it() -> None:
    assert compile_variable("user").value([{}, {"user": "a"}, {"user": "b"}]) == "a"


@pytest.mark.parametrize("source", ["descriptors", "descriptors[0]", 'b"a"', 'duration("1s")', "[1]"])
def test_a_variable_of_another_type_is_refused(source: str) -> None:
    with pytest.raises(ExpressionError, match="a variable is a text, a number, a boolean or null"):
        compile_variable(source)


@pytest.mark.parametrize(
    "source", ['int(descriptors[0]["user"]) > 1', '1 / size(descriptors[0]["none"]) > 0']
)
def test_an_expression_that_fails_is_an_error_not_an_answer(source: str) -> None:
    with pytest.raises(EvaluationError):
        compile_condition(source).holds([{"user": "bob", "none": ""}])


@pytest.mark.parametrize("descriptor", [{"user": "bob\0"}, {"user": "bob", "other\0": ""}])
def test_an_expression_never_sees_a_text_cut_off_at_a_nul(descriptor: dict[str, str]) -> None:
    with pytest.raises(EvaluationError, match="NUL"):
        compile_condition('(descriptors[0]["user"] == "bob")').holds([descriptor])


def test_a_native_condition_compares_a_text_with_a_nul_as_it_is() -> None:
    assert not compile_condition('descriptors[0]["user"] == "bob"').holds([{"user": "bob\0"}])


def test_a_condition_of_unknown_type_has_to_be_true_or_false() -> None:
    with pytest.raises(EvaluationError, match="neither true nor false"):
        compile_condition('dyn(descriptors[0]["user"])').holds([BOB])


def test_a_variable_of_unknown_type_has_to_be_a_text_a_number_or_a_boolean() -> None:
    with pytest.raises(EvaluationError, match="neither a text"):
        compile_variable("dyn(descriptors)").value([BOB])


@pytest.mark.parametrize(
    ("source", "name", "identifier", "holds"),
    [
        ('limit.name == "a"', "a", None, True),
        ('limit.name == "a"', "b", None, False),
        ('limit.name == "a"', "", None, False),
        ("limit.name == null", "", None, True),
        ('limit["id"] == "x"', "", "x", True),
        ('limit.id == "x" && descriptors[0]["user"] == "bob"', "", "x", True),
        ("limit.id != null", "", None, False),
        ("limit.other == null", "", None, False),
        # The older form: an entry of the request, whose key begins in the same way.
        ('limit.a__1 == "1"', "", None, True),
    ],
)
def test_a_condition_may_be_about_the_name_and_the_id_of_its_limit(
    source: str, name: str, identifier: str | None, holds: bool
) -> None:
    assert compile_condition(source, name, identifier).holds([BOB]) is holds


@pytest.mark.parametrize("source", ["limit.name", "limit.id"])
def test_a_variable_knows_nothing_of_its_limit(source: str) -> None:
    # Limitador takes such a limit and never applies it; here it is told.
    with pytest.raises(ExpressionError, match="undeclared reference to 'limit"):
        compile_variable(source)


@given(
    st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\\\"'nxu0af\t\r\n\0"), max_size=12)
)
def test_escapes_in_a_quoted_text_are_those_of_cel(content: str) -> None:
    for quote in "\"'":
        source = f"descriptors[0][{quote}{content}{quote}]"
        try:
            engine = compile_variable(f"({source})")
        except ExpressionError:
            with pytest.raises(ExpressionError):
                compile_variable(source)
            continue
        plain = compile_variable(source)
        for key in {content, content.replace("\\", ""), "".join(_decoded(content))} - {""}:
            if "\0" not in key:
                assert plain.value([{key: "v"}]) == engine.value([{key: "v"}])


def _decoded(content: str) -> str:
    try:
        return str(ast.literal_eval(f'"{content}"'))
    except (SyntaxError, ValueError):
        return ""


@pytest.mark.parametrize(
    "key", ['request.headers["x"]', "a\\b", "a\nb\tc\rd", "größe", "x\u0001", "'\"", "request.headers['x']"]
)
def test_what_the_operator_writes_needs_no_engine(key: str) -> None:
    source = descriptor_entry(key)
    assert compile_variable(source).native
    assert compile_variable(source).value([{key: "v"}]) == "v"
    assert compile_condition(f'{source} == "1"').equality == (key, "1")


def test_an_expression_without_end_is_an_error_not_a_crash() -> None:
    numbers = f"[{','.join('0' * 100)}]"
    endless = f"{numbers}.all(a, {numbers}.all(b, {numbers}.all(c, true)))"
    with pytest.raises(EvaluationError, match="budget"):
        compile_condition(f"descriptors.size() > 0 && {endless}").holds([BOB])
    with pytest.raises(ExpressionError, match="can only fail"):
        compile_condition(endless)


PLAIN = st.text(st.characters(exclude_characters="\\\"'\n\r\0", exclude_categories=["Cs"]), max_size=6)


@given(
    key=PLAIN,
    value=PLAIN,
    operator=st.sampled_from(["==", "!="]),
    descriptor=st.dictionaries(PLAIN, PLAIN, max_size=3),
)
def test_the_native_form_says_what_cel_says(
    key: str, value: str, operator: str, descriptor: dict[str, str]
) -> None:
    native = compile_condition(f'descriptors[0]["{key}"] {operator} "{value}"')
    cel = compile_condition(f'(descriptors[0]["{key}"] {operator} "{value}")')

    assert (native.native, cel.native) == (True, False)
    for found in ([descriptor], [descriptor | {key: value}], [descriptor | {key: "other"}]):
        assert native.holds(found) == cel.holds(found)


@pytest.mark.slow
@given(st.text(max_size=30) | st.text("descriptors[0]\"'=!.a1 ()&|+", max_size=40))
def test_any_text_is_an_expression_or_an_error(source: str) -> None:
    for compile_one in (compile_condition, compile_variable):
        try:
            compile_one(source)
        except ExpressionError as error:
            assert str(error)  # noqa: PT017 - either outcome is right
