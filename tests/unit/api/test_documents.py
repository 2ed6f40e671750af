"""What a folder of YAML holds, and what is said of its mistakes."""

from __future__ import annotations

import textwrap

import pytest

from kuadrant.api import yaml_documents
from kuadrant.api.documents import MAX_PROBLEMS, Folder, read


def folder(*texts: str) -> Folder:
    return read((f"{chr(97 + n)}.yaml", textwrap.dedent(text).lstrip("\n")) for n, text in enumerate(texts))


def lines(of: Folder) -> list[str]:
    return [str(problem) for problem in of.problems]


SERVICE = "{apiVersion: v1, kind: Service, metadata: {name: NAME, namespace: shop}}"


def test_a_mistake_is_told_with_its_place_its_object_its_field_and_the_rule() -> None:
    broken = folder(
        """
        apiVersion: v1
        kind: Namespace
        metadata: {name: shop}
        ---
        apiVersion: kuadrant.io/v1beta2
        kind: RateLimitPolicy
        metadata:
          name: toystore
        spec:
          targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: toystore}
          limits:
            create-toy:
              rates:
                - limit: 5
                  duration: 10
                  unit: week
        """
    )
    assert lines(broken) == [
        (
            "a.yaml:16:17: RateLimitPolicy default/toystore: spec.limits.create-toy.rates[0].unit: is "
            '"week", '
            "must be one of second, minute, hour, day"
        )
    ]


def test_an_object_without_mistakes_is_kept_beside_one_with_mistakes() -> None:
    both = folder(SERVICE.replace("NAME", "a") + "\n---\n" + SERVICE.replace("NAME", "Wrong"))
    assert [service.metadata.name for service in both.objects.services] == ["a"]
    assert len(both.problems) == 1


def test_objects_without_namespace_are_in_default() -> None:
    read_ = folder("{apiVersion: v1, kind: Service, metadata: {name: a}}")
    assert read_.objects.services[0].metadata.namespace == "default"
    (source,) = read_.sources.items()
    assert (source[0], source[1].file, source[1].line) == (("Service", "default", "a"), "a.yaml", 1)


def test_the_place_of_a_field_is_that_of_the_nearest_one_that_is_there() -> None:
    text = """apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {name: p}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}
"""
    source = folder(text).sources["RateLimitPolicy", "default", "p"]
    assert source.place("") == (1, 1)
    assert source.place("spec.targetRef.name") == (5, 72)
    assert source.place("spec.targetRef.nothing[3].more") == source.place("spec.targetRef") == (5, 14)


def test_objects_are_in_the_order_of_namespace_and_name() -> None:
    read_ = folder(*(SERVICE.replace("NAME", name) for name in ("c", "a", "b")))
    assert [service.metadata.name for service in read_.objects.services] == ["a", "b", "c"]


def test_namespaces_in_use_exist_and_carry_their_name_as_a_label() -> None:
    read_ = folder(
        SERVICE.replace("NAME", "a"),
        "{apiVersion: v1, kind: Namespace, metadata: {name: ops, labels: {team: a}}}",
    )
    assert {one.metadata.name: one.metadata.labels for one in read_.objects.namespaces} == {
        "shop": {"kubernetes.io/metadata.name": "shop"},
        "ops": {"kubernetes.io/metadata.name": "ops", "team": "a"},
    }


def test_lists_are_unpacked() -> None:
    read_ = folder(
        """
        apiVersion: v1
        kind: List
        items:
          - {apiVersion: v1, kind: Service, metadata: {name: a}}
          - {apiVersion: v1, kind: Service, metadata: {name: b}, spec: {ports: [{port: 0}]}}
        ---
        apiVersion: gateway.networking.k8s.io/v1
        kind: HTTPRouteList
        items:
          - {metadata: {name: c}}
        """
    )
    assert [one.metadata.name for one in (*read_.objects.services, *read_.objects.http_routes)] == ["a", "c"]
    assert lines(read_) == [
        "a.yaml:5:80: Service default/b: spec.ports[0].port: is 0, must be from 1 to 65535"
    ]


def test_json_is_read() -> None:
    assert folder('{"apiVersion": "v1",\n\t"kind": "Service", "metadata": {"name": "a"}}').objects.services


def test_exported_objects_are_read_with_all_that_the_api_server_adds() -> None:
    read_ = folder(
        """
        apiVersion: gateway.networking.k8s.io/v1
        kind: Gateway
        metadata:
          creationTimestamp: 2024-06-12T08:54:18Z
          generation: 2
          managedFields: [{manager: kubectl}]
          name: gw
          resourceVersion: "1"
          uid: a-b
        spec:
          gatewayClassName: istio
          listeners:
            - {name: https, port: 443, protocol: HTTPS, tls: {mode: Terminate, certificateRefs: [{name: c}]}}
        status:
          addresses: [{type: IPAddress, value: 10.0.0.1}]
          conditions:
            - {type: Programmed, status: "True", reason: Programmed, message: "",
               lastTransitionTime: "2024-06-12T08:54:18Z"}
          listeners: [{name: https, attachedRoutes: 1, supportedKinds: [], conditions: []}]
        """
    )
    assert not read_.problems
    [gateway] = read_.objects.gateways
    assert gateway.metadata.creation_timestamp == "2024-06-12T08:54:18Z"
    assert gateway.status.conditions[0].status == "True"


def test_null_is_absent() -> None:
    read_ = folder(
        "{apiVersion: v1, kind: Service, metadata: {name: a, creationTimestamp: null}, spec: null, status: ~}"
    )
    assert not read_.problems
    assert lines(folder("{apiVersion: v1, kind: Service, metadata: {name: null}}")) == [
        "a.yaml:1:50: Service: metadata.name: is missing"
    ]


def test_an_object_given_twice_is_told_with_both_places() -> None:
    text = SERVICE.replace("NAME", "a")
    assert lines(folder(text, "# again\n" + text)) == [
        "b.yaml:2:1: Service shop/a: is given twice, first in a.yaml:1"
    ]


def test_a_policy_given_in_both_versions_is_given_twice() -> None:
    target = "targetRef: {group: gateway.networking.k8s.io, kind: Gateway, name: gw}"
    read_ = folder(
        (
            f"{{apiVersion: kuadrant.io/v1beta2, kind: RateLimitPolicy, metadata: {{name: a}}, spec: "
            f"{{{target}}}}}"
        ),
        "{apiVersion: kuadrant.io/v1, kind: RateLimitPolicy, metadata: {name: a}, "
        f"spec: {{{target}, limits: {{a: {{rates: [{{limit: 1, window: 1s}}]}}}}}}}}",
    )
    assert [problem.file for problem in read_.problems] == ["b.yaml"]


def test_kinds_of_others_are_left_out_with_a_note() -> None:
    read_ = folder(
        """
        {apiVersion: apps/v1, kind: Deployment, metadata: {name: toystore, namespace: shop}}
        ---
        {apiVersion: kuadrant.io/v1, kind: AuthPolicy, metadata: {name: toystore}}
        ---
        {apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: gw}}
        ---
        {apiVersion: v1, kind: Sevice, metadata: {name: typo}}
        """
    )
    assert not read_.problems
    assert [str(note).partition(" is not read here")[0] for note in read_.notes] == [
        "a.yaml:3:36: AuthPolicy toystore: kind: AuthPolicy of kuadrant.io/v1",
        "a.yaml:5:44: Gateway gw: kind: Gateway of networking.istio.io/v1",
        "a.yaml:7:24: Sevice typo: kind: Sevice of v1",
    ]


@pytest.mark.parametrize(
    ("version", "kind", "message"),
    [
        (
            "kuadrant.io/v1alpha1",
            "RateLimitPolicy",
            (
                'apiVersion: is "kuadrant.io/v1alpha1", RateLimitPolicy is read as kuadrant.io/v1 or '
                "kuadrant.io/v1beta3 or kuadrant.io/v1beta2"
            ),
        ),
        (
            "kuadrant.oi/v1",
            "RateLimitPolicy",
            'apiVersion: is "kuadrant.oi/v1", a RateLimitPolicy is of kuadrant.io/v1',
        ),
        ("v1", "HTTPRoute", 'apiVersion: is "v1", a HTTPRoute is of gateway.networking.k8s.io/v1 or'),
        (
            "kuadrant.io/v1",
            "RateLimitPolcy",
            'kind: is "RateLimitPolcy", which kuadrant.io does not have; did you mean "RateLimitPolicy"?',
        ),
        (
            "gateway.networking.k8s.io/v1",
            "XYZ",
            'kind: is "XYZ", which gateway.networking.k8s.io does not have; there are ',
        ),
    ],
)
def test_a_slip_in_version_or_kind_is_no_kind_of_others(version: str, kind: str, message: str) -> None:
    [line] = lines(folder(f"{{apiVersion: {version}, kind: {kind}, metadata: {{name: a}}}}"))
    assert message in line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5", ["a.yaml:1:1: is 5, must be an object with apiVersion and kind"]),
        ("- a", ["a.yaml:1:1: is a list, must be an object with apiVersion and kind"]),
        (
            "a: 1",
            [
                "a.yaml:1:1: apiVersion is missing; every object has apiVersion and kind",
                "a.yaml:1:1: kind is missing; every object has apiVersion and kind",
            ],
        ),
        ("apiVersion: 1\nkind: A", ["a.yaml:1:13: apiVersion is 1, must be text"]),
        ("", []),
        ("# nothing\n---\n---\n", []),
    ],
)
def test_what_is_no_object_is_told(text: str, expected: list[str]) -> None:
    assert lines(folder(text)) == expected


@pytest.mark.parametrize(
    "name", ["Toystore", "toy_store", "-a", "a.", "a..b", "a" * 254, '"a\\n"', "5", "true"]
)
def test_names_are_dns_names(name: str) -> None:
    [problem] = folder(f"{{apiVersion: v1, kind: Service, metadata: {{name: {name}}}}}").problems
    assert problem.field == "metadata.name"


def test_a_kind_of_the_whole_cluster_has_no_namespace() -> None:
    [problem] = folder("{apiVersion: v1, kind: Namespace, metadata: {name: a, namespace: b}}").problems
    assert (problem.field, problem.message) == (
        "metadata.namespace",
        "is of the whole cluster: a Namespace has no namespace",
    )


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("yes", "is true (written yes), must be text; put it in quotes"),
        ("010", "is 8 (written 010), must be text; put it in quotes"),
        ("1.0", "is 1.0, must be text; put it in quotes"),
        ("[a]", "is a list, must be text"),
        ("null", "is null, must be text"),
    ],
)
def test_text_that_yaml_takes_for_something_else_is_told(value: str, message: str) -> None:
    [problem] = folder(
        f"{{apiVersion: v1, kind: Service, metadata: {{name: a, labels: {{a: {value}}}}}}}"
    ).problems
    assert (problem.field, problem.message) == ("metadata.labels.a", message)


def test_a_flaw_of_the_yaml_ends_only_its_document() -> None:
    read_ = folder(f"a: [\n---\n{SERVICE.replace('NAME', 'a')}\n---\nb: }}\n")
    assert [(problem.line, problem.field) for problem in read_.problems] == [(2, ""), (5, "")]
    assert len(read_.objects.services) == 1


def test_a_repeated_key_is_a_mistake() -> None:
    read_ = folder("apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  name: b\n")
    assert lines(read_) == ['a.yaml:5:3: "name" is given twice, first in line 4']
    assert not read_.objects.services


def kuadrant(spec: str) -> Folder:
    return folder(f"{{apiVersion: kuadrant.io/v1beta1, kind: Kuadrant, metadata: {{name: a}}, spec: {spec}}}")


@pytest.mark.parametrize(
    ("spec", "mistake"),
    [
        ('{mtls: {enable: "yes"}}', 'mtls.enable: is "yes", must be true or false'),
        ("{mtls: true}", "mtls: is true, must be a mapping"),
        ("{limitador: {replicas: 2.5}}", "limitador.replicas: is 2.5, must be a whole number"),
        ('{limitador: {replicas: "2"}}', 'limitador.replicas: is "2", must be a whole number without quotes'),
        ("{limitador: {replicas: yes}}", "limitador.replicas: is true (written yes), must be a whole number"),
        ("{limitador: {replicas: -1}}", "limitador.replicas: is -1, must be at least 0"),
        (
            "{limitador: {pdb: {minAvailable: 1.5}}}",
            "limitador.pdb.minAvailable: is 1.5, must be a whole number or text",
        ),
        (
            "{observability: {dataPlane: {defaultLevels: {}}}}",
            "observability.dataPlane.defaultLevels: is a mapping, must be a list",
        ),
        ("{limitador: {storage: disk}}", 'limitador.storage: is "disk", must be a mapping'),
        ("[]", "is a list, must be a mapping"),
    ],
)
def test_a_value_of_another_type_is_told(spec: str, mistake: str) -> None:
    [line] = lines(kuadrant(spec))
    assert line.endswith(mistake)


def test_values_are_taken_as_kubectl_sends_them() -> None:
    [read_] = kuadrant(
        "{mtls: {enable: yes}, limitador: {replicas: 2.0, affinity: {a: [1, b]}}}"
    ).objects.kuadrants
    assert read_.spec.mtls is not None
    assert read_.spec.mtls.enable is True
    assert read_.spec.limitador is not None
    assert read_.spec.limitador.replicas == 2
    assert read_.spec.limitador.affinity == {"a": [1, "b"]}


def test_what_cannot_be_printed_is_escaped() -> None:
    [line] = lines(folder('{apiVersion: v1, kind: Service, metadata: {name: a, "\\e[31m\\n": 1}}'))
    assert "\\u001b[31m\\n" in line
    assert line.isprintable()


def test_keys_with_dots_are_quoted_in_paths() -> None:
    [problem] = folder('{apiVersion: v1, kind: Service, metadata: {name: a, labels: {"a.b/c": 1}}}').problems
    assert problem.field == 'metadata.labels["a.b/c"]'


def test_a_thousand_mistakes_end_the_reading_and_say_so() -> None:
    many = "".join(f"---\nkind: X{number}\n" for number in range(3000))
    folder = read([("a.yaml", many), ("b.yaml", "never: read")])

    assert len(folder.problems) == MAX_PROBLEMS + 1
    assert str(folder.problems[-1]) == (
        "a.yaml:6001:1: and what follows is not read any more: there are 1000 mistakes before it"
    )


def test_mistakes_of_one_object_stay_cheap_however_many_and_long_they_are() -> None:
    text = "apiVersion: kuadrant.io/v1\nkind: RateLimitPolicy\nmetadata: {name: a}\nspec:\n"
    text += "".join(f"  ? k{number}{'x' * 300}\n  : 1\n" for number in range(20_000))
    (*problems, last) = read([("a.yaml", text)]).problems

    assert len(problems) == MAX_PROBLEMS
    assert "is not read any more" in last.message
    assert sum("did you mean" in one.message or "there are" in one.message for one in problems) <= 100


def test_text_that_aliases_repeat_is_not_repeated_in_messages() -> None:
    long = "x" * 200_000
    items = ", ".join(f"{{apiVersion: *l, kind: *l, metadata: {{name: n{i}}}}}" for i in range(500))
    other = ", ".join(
        f"{{apiVersion: v1, kind: Service, metadata: {{name: *l}}, {long}: 1}}" for _ in range(30)
    )
    for listed in (items, other):
        text = f"apiVersion: v1\nkind: List\nmetadata: {{annotations: {{a: &l {long}}}}}\nitems: [{listed}]"
        folder = read([("a.yaml", text)])
        assert folder.problems
        assert sum(len(str(one)) for one in (*folder.problems, *folder.notes)) < 2_000_000


def test_what_is_beyond_the_values_of_a_folder_is_a_mistake_of_each_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(yaml_documents.Allowance.__init__, "__defaults__", (1000,))
    full = "---\n[" + "1," * 400 + "]\n"
    folder = read([("a.yaml", full * 5), ("b.yaml", "---\na: 1\n"), ("c.yaml", "")])

    told = [one for one in folder.problems if "than 1,000 values" in one.message]
    assert {one.file for one in told} == {"a.yaml", "b.yaml", "c.yaml"}


@pytest.mark.parametrize("window", ["60", '"60"'])
def test_what_would_be_refused_in_quotes_too_is_not_to_be_put_in_quotes(window: str) -> None:
    [problem] = folder(
        "{apiVersion: kuadrant.io/v1, kind: RateLimitPolicy, metadata: {name: a, namespace: a}, spec: "
        "{targetRef: {group: gateway.networking.k8s.io, kind: Gateway, name: g}, "
        f"limits: {{a: {{rates: [{{limit: 1, window: {window}}}]}}}}}}}}"
    ).problems
    assert "quotes" not in problem.message
    assert "must be a duration" in problem.message
    assert "10s" in problem.message
