"""The rules of one stream as playbooks: what comes in, and exactly what goes out for it."""

from __future__ import annotations

from typing import Any

import pytest

from kuadrant.xds.discovery_stream import Refusal, Request, Response, Stream
from kuadrant.xds.snapshot import (
    CLUSTER,
    EMPTY,
    ENDPOINT,
    EXTENSION,
    LISTENER,
    ROUTE,
    Resource,
    Snapshot,
    resource,
)

SDS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"


def snapshot(**types: dict[str, str]) -> Snapshot:
    """``clusters={"a": "1"}``: a cluster named a whose content is 1."""
    urls = {
        "clusters": CLUSTER,
        "endpoints": ENDPOINT,
        "extensions": EXTENSION,
        "listeners": LISTENER,
        "routes": ROUTE,
    }
    return Snapshot(
        {
            urls[kind]: {name: resource(name, text.encode()) for name, text in named.items()}
            for kind, named in types.items()
        }
    )


class Client:
    """Envoy as seen from the stream: names what it wants, and answers the last response of a type."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.last: dict[str, Response] = {}
        self.names: dict[str, tuple[str, ...]] = {}
        self.now = 100.0

    def ask(self, type_url: str, *names: str) -> list[Any]:
        self.names[type_url] = names
        nonce = self.last[type_url].nonce if type_url in self.last else ""
        return self._send(Request(type_url, names, nonce, None, "node-1"))

    def ack(self, type_url: str, *names: str) -> list[Any]:
        self.names[type_url] = names or self.names[type_url]
        return self._send(Request(type_url, self.names[type_url], self.last[type_url].nonce))

    def nack(self, type_url: str, text: str = "no good") -> list[Any]:
        return self._send(Request(type_url, self.names[type_url], self.last[type_url].nonce, text))

    def set(self, snapshot: Snapshot) -> list[Any]:
        return self._seen(self.stream.set(snapshot))

    def _send(self, request: Request) -> list[Any]:
        return self._seen(self.stream.receive(request, self.now))

    def _seen(self, outcomes: list[Any]) -> list[Any]:
        self.last.update({outcome.type_url: outcome for outcome in outcomes if isinstance(outcome, Response)})
        return [brief(outcome) for outcome in outcomes]


def brief(outcome: Response | Refusal) -> Any:
    if isinstance(outcome, Refusal):
        return "refused", outcome.type_url, outcome.names, outcome.text
    return outcome.type_url, {resource.name: resource.packed.decode() for resource in outcome.resources}


@pytest.fixture
def client() -> Client:
    return Client(Stream(EMPTY, 99.0))


# Subscriptions


def test_clusters_are_asked_for_without_names_and_all_come(client: Client) -> None:
    client.set(snapshot(clusters={"a": "1", "b": "1"}))

    assert client.ask(CLUSTER) == [(CLUSTER, {"a": "1", "b": "1"})]


def test_without_any_cluster_an_empty_answer_lets_envoy_go_on(client: Client) -> None:
    assert client.ask(CLUSTER) == [(CLUSTER, {})]


def test_routes_come_by_name_and_others_do_not(client: Client) -> None:
    client.set(snapshot(routes={"r": "1", "s": "1"}))

    assert client.ask(ROUTE, "r") == [(ROUTE, {"r": "1"})]


def test_a_name_that_does_not_exist_yet_is_answered_when_it_does(client: Client) -> None:
    assert client.ask(ROUTE, "r") == []

    assert client.set(snapshot(routes={"r": "1"})) == [(ROUTE, {"r": "1"})]


def test_a_star_asks_for_all_of_any_type(client: Client) -> None:
    client.set(snapshot(routes={"r": "1", "s": "1"}))

    assert client.ask(ROUTE, "*") == [(ROUTE, {"r": "1"})]
    assert client.ack(ROUTE) == [(ROUTE, {"s": "1"})]


def test_no_names_for_routes_ask_for_nothing(client: Client) -> None:
    client.set(snapshot(routes={"r": "1"}))

    assert client.ask(ROUTE) == []


def test_no_names_after_some_names_ask_for_nothing_more(client: Client) -> None:
    client.set(snapshot(listeners={"l": "1", "m": "1"}))
    assert client.ask(LISTENER, "l") == [(LISTENER, {"l": "1"})]
    client.ack(LISTENER)

    assert client.ask(LISTENER) == []
    assert client.set(snapshot(listeners={"l": "2", "m": "2"})) == []


def test_a_type_that_we_do_not_have_is_not_answered(client: Client) -> None:
    assert client.ask(SDS, "certificate") == []
    assert client.stream.state(SDS) == "taken"


def test_a_new_name_with_an_acknowledgement_is_answered_at_once_and_alone(client: Client) -> None:
    client.set(snapshot(endpoints={"a": "1", "b": "1"}))
    client.ask(ENDPOINT, "a")

    assert client.ack(ENDPOINT, "a", "b") == [(ENDPOINT, {"b": "1"})]


def test_a_name_that_was_dropped_and_taken_up_again_is_sent_again(client: Client) -> None:
    client.set(snapshot(endpoints={"a": "1", "b": "1"}))
    client.ask(ENDPOINT, "a", "b")
    client.ack(ENDPOINT, "a")

    assert client.ask(ENDPOINT, "a", "b") == [(ENDPOINT, {"a": "1", "b": "1"})]


def test_a_name_that_was_dropped_and_comes_back_with_an_acknowledgement_is_sent_again(client: Client) -> None:
    client.set(snapshot(endpoints={"a": "1", "b": "1"}))
    client.ask(ENDPOINT, "a", "b")
    client.ack(ENDPOINT, "a")
    client.set(snapshot(endpoints={"a": "2", "b": "1"}))

    assert client.ack(ENDPOINT, "a", "b") == [(ENDPOINT, {"b": "1"})]


def test_asking_again_for_the_same_names_is_answered_because_a_changed_cluster_warms(client: Client) -> None:
    client.set(snapshot(endpoints={"a": "1"}))
    client.ask(ENDPOINT, "a")
    client.ack(ENDPOINT)

    assert client.ask(ENDPOINT, "a") == [(ENDPOINT, {"a": "1"})]
    assert client.ack(ENDPOINT) == []


def test_asking_again_while_another_change_is_on_its_way_is_answered_after_it(client: Client) -> None:
    # Envoy takes a new cluster "a" (and asks for its endpoints again) before it sees the endpoints of "b".
    client.set(snapshot(endpoints={"a": "1", "b": "1"}))
    client.ask(ENDPOINT, "a", "b")
    client.ack(ENDPOINT)
    known = client.last[ENDPOINT].nonce
    client.set(snapshot(endpoints={"a": "1", "b": "2"}))

    assert client.stream.receive(Request(ENDPOINT, ("a", "b"), known), 0) == []
    assert client.ack(ENDPOINT) == [(ENDPOINT, {"a": "1"})]


def test_more_names_before_the_first_answer_was_seen(client: Client) -> None:
    client.set(snapshot(endpoints={"a": "1", "b": "1"}))
    client.ask(ENDPOINT, "a")

    assert client.stream.receive(Request(ENDPOINT, ("a", "b")), 0) == []
    assert client.ack(ENDPOINT, "a", "b") == [(ENDPOINT, {"b": "1"})]


# Changes


def test_the_same_content_is_not_sent_again(client: Client) -> None:
    client.set(snapshot(clusters={"a": "1"}, routes={"r": "1"}))
    client.ask(CLUSTER)
    client.ack(CLUSTER)
    client.ask(ROUTE, "r")
    client.ack(ROUTE)

    assert client.set(snapshot(clusters={"a": "1"}, routes={"r": "1"})) == []


def test_a_change_sends_all_clusters_but_only_the_changed_route(client: Client) -> None:
    client.set(snapshot(clusters={"a": "1", "b": "1"}, routes={"r": "1", "s": "1"}))
    client.ask(CLUSTER)
    client.ack(CLUSTER)
    client.ask(ROUTE, "r", "s")
    client.ack(ROUTE)
    client.ack(ROUTE)

    assert client.set(snapshot(clusters={"a": "1", "b": "2"}, routes={"r": "1", "s": "1"})) == [
        (CLUSTER, {"a": "1", "b": "2"})
    ]
    client.ack(CLUSTER)
    assert client.set(snapshot(clusters={"a": "1", "b": "2"}, routes={"r": "1", "s": "2"})) == [
        (ROUTE, {"s": "2"})
    ]


def test_a_cluster_is_removed_by_leaving_it_out(client: Client) -> None:
    client.set(snapshot(clusters={"a": "1", "b": "1"}))
    client.ask(CLUSTER)
    client.ack(CLUSTER)

    assert client.set(snapshot(clusters={"a": "1"})) == [(CLUSTER, {"a": "1"})]
    client.ack(CLUSTER)
    assert client.set(EMPTY) == [(CLUSTER, {})]


def test_a_route_that_is_gone_is_nothing_to_say(client: Client) -> None:
    client.set(snapshot(routes={"r": "1"}))
    client.ask(ROUTE, "r")
    client.ack(ROUTE)

    assert client.set(EMPTY) == []
    assert client.set(snapshot(routes={"r": "1"})) == []


def test_while_a_verdict_is_missing_changes_wait_and_only_the_newest_goes_out(client: Client) -> None:
    client.set(snapshot(clusters={"a": "1"}))
    client.ask(CLUSTER)

    assert client.set(snapshot(clusters={"a": "2"})) == []
    assert client.set(snapshot(clusters={"a": "3"})) == []
    assert client.ack(CLUSTER) == [(CLUSTER, {"a": "3"})]


def test_the_same_content_has_the_same_version_on_every_stream() -> None:
    def version(content: Snapshot) -> str:
        client = Client(Stream(content, 0))
        client.ask(CLUSTER)
        return client.last[CLUSTER].version

    content = snapshot(clusters={"a": "1", "b": "1"})
    assert version(content) == version(snapshot(clusters={"b": "1", "a": "1"})) == content.version(CLUSTER)
    assert version(content) != version(snapshot(clusters={"a": "1"}))


def test_every_response_has_a_nonce_of_its_own(client: Client) -> None:
    client.set(snapshot(clusters={"a": "1"}, listeners={"l": "1"}))
    client.ask(CLUSTER)
    first = client.last[CLUSTER].nonce
    client.ack(CLUSTER)
    client.ask(LISTENER)

    assert client.last[LISTENER].nonce != first


# Refusals


def test_a_refusal_is_reported_and_what_was_refused_is_not_sent_again(client: Client) -> None:
    client.set(snapshot(clusters={"a": "1"}))
    client.ask(CLUSTER)
    client.ack(CLUSTER)
    client.set(snapshot(clusters={"a": "bad"}))

    assert client.nack(CLUSTER, "bad cluster") == [("refused", CLUSTER, ("a",), "bad cluster")]
    assert client.set(snapshot(clusters={"a": "bad"}, routes={"r": "1"})) == []
    assert client.set(snapshot(clusters={"a": "good"})) == [(CLUSTER, {"a": "good"})]


def test_after_a_refusal_the_state_before_is_sent_because_a_part_may_have_been_applied(
    client: Client,
) -> None:
    client.set(snapshot(clusters={"a": "1", "b": "1"}))
    client.ask(CLUSTER)
    client.ack(CLUSTER)
    client.set(snapshot(clusters={"a": "2", "b": "bad"}))
    client.nack(CLUSTER)

    assert client.set(snapshot(clusters={"a": "1", "b": "1"})) == [(CLUSTER, {"a": "1", "b": "1"})]


def test_a_refused_content_is_tried_again_when_it_comes_back_after_a_good_one(client: Client) -> None:
    client.set(snapshot(clusters={"a": "bad"}))
    client.ask(CLUSTER)
    client.nack(CLUSTER)
    client.set(snapshot(clusters={"a": "good"}))
    client.ack(CLUSTER)

    assert client.set(snapshot(clusters={"a": "bad"})) == [(CLUSTER, {"a": "bad"})]


def test_extensions_are_sent_one_by_one_so_that_a_verdict_is_on_one(client: Client) -> None:
    client.set(snapshot(extensions={"a": "1", "b": "bad", "c": "1"}))

    assert client.ask(EXTENSION, "a", "b", "c") == [(EXTENSION, {"a": "1"})]
    assert client.ack(EXTENSION) == [(EXTENSION, {"b": "bad"})]
    assert client.nack(EXTENSION, "b is bad") == [
        ("refused", EXTENSION, ("b",), "b is bad"),
        (EXTENSION, {"c": "1"}),
    ]
    assert client.ack(EXTENSION) == []
    assert client.stream.state(EXTENSION) == "refused"


def test_a_refused_extension_is_not_sent_when_envoy_asks_again_because_it_would_be_acknowledged(
    client: Client,
) -> None:
    client.set(snapshot(extensions={"a": "bad"}))
    client.ask(EXTENSION, "a")
    client.nack(EXTENSION)

    assert client.ask(EXTENSION, "a") == []
    assert client.stream.state(EXTENSION) == "refused"


def test_of_several_endpoints_the_bad_ones_are_found_and_do_not_hold_up_the_others(client: Client) -> None:
    client.set(snapshot(endpoints={"a": "1", "b": "bad", "c": "1"}))
    client.ask(ENDPOINT, "a", "b", "c")

    assert client.nack(ENDPOINT, "one of them") == [
        ("refused", ENDPOINT, ("a", "b", "c"), "one of them"),
        (ENDPOINT, {"a": "1"}),
    ]
    assert client.ack(ENDPOINT) == [(ENDPOINT, {"b": "bad"})]
    assert client.nack(ENDPOINT, "b is bad") == [
        ("refused", ENDPOINT, ("b",), "b is bad"),
        (ENDPOINT, {"c": "1"}),
    ]
    assert client.ack(ENDPOINT) == []
    refusal = client.stream.refusal(ENDPOINT)
    assert refusal is not None
    assert (refusal.names, refusal.text) == (("b",), "b is bad")
    assert client.set(snapshot(endpoints={"a": "2", "b": "bad", "c": "2"})) == [
        (ENDPOINT, {"a": "2", "c": "2"})
    ]


def test_a_refused_route_does_not_stop_a_change_of_another(client: Client) -> None:
    client.set(snapshot(routes={"r": "bad"}))
    client.ask(ROUTE, "r", "s")
    client.nack(ROUTE)

    assert client.set(snapshot(routes={"r": "bad", "s": "1"})) == [(ROUTE, {"s": "1"})]


def test_a_refused_route_is_tried_again_when_it_comes_back_after_a_good_one(client: Client) -> None:
    client.set(snapshot(routes={"r": "bad"}))
    client.ask(ROUTE, "r")
    client.nack(ROUTE)
    client.set(snapshot(routes={"r": "good"}))
    client.ack(ROUTE)

    assert client.set(snapshot(routes={"r": "bad"})) == [(ROUTE, {"r": "bad"})]


def test_after_a_refused_extension_the_one_before_is_sent_so_that_envoy_looks_again_at_the_next(
    client: Client,
) -> None:
    client.set(snapshot(extensions={"a": "1"}))
    client.ask(EXTENSION, "a")
    client.ack(EXTENSION)
    client.set(snapshot(extensions={"a": "bad"}))
    client.nack(EXTENSION)

    assert client.set(snapshot(extensions={"a": "1"})) == [(EXTENSION, {"a": "1"})]


def test_endpoints_of_a_refused_response_are_not_known_to_be_held(client: Client) -> None:
    client.set(snapshot(endpoints={"a": "1", "b": "1"}))
    client.ask(ENDPOINT, "a", "b")
    client.ack(ENDPOINT)
    client.set(snapshot(endpoints={"a": "2", "b": "bad"}))
    client.set(snapshot(endpoints={"a": "1", "b": "1"}))

    assert client.nack(ENDPOINT)[1:] == [(ENDPOINT, {"a": "1"})]
    assert client.ack(ENDPOINT) == [(ENDPOINT, {"b": "1"})]


def test_an_empty_set_that_is_refused_is_not_sent_for_ever(client: Client) -> None:
    client.ask(CLUSTER)

    assert client.nack(CLUSTER) == [("refused", CLUSTER, (), "no good")]


def test_a_verdict_on_something_else_is_ignored(client: Client) -> None:
    client.set(snapshot(clusters={"a": "1"}))
    client.ask(CLUSTER)

    assert client.stream.receive(Request(CLUSTER, (), "no nonce of ours", "stale"), 0) == []
    assert client.stream.state(CLUSTER) == "waiting"
    client.ack(CLUSTER)
    assert client.nack(CLUSTER, "too late") == []
    assert client.stream.state(CLUSTER) == "taken"


# Order


def all_types(version: str) -> Snapshot:
    return snapshot(
        clusters={"c": version},
        endpoints={"c": version},
        extensions={"e": version},
        listeners={"l": version},
        routes={"r": version},
    )


@pytest.fixture
def warm(client: Client) -> Client:
    """An Envoy that has everything, in the order in which Envoy asks at its start."""
    client.set(all_types("1"))
    for type_url, names in (
        (CLUSTER, ()),
        (ENDPOINT, ("c",)),
        (LISTENER, ()),
        (ROUTE, ("r",)),
        (EXTENSION, ("e",)),
    ):
        client.ask(type_url, *names)
        client.ack(type_url)
    return client


def test_clusters_and_endpoints_go_first_and_the_rest_follows_their_verdicts(warm: Client) -> None:
    assert warm.set(all_types("2")) == [(CLUSTER, {"c": "2"}), (ENDPOINT, {"c": "2"})]
    assert warm.ack(ENDPOINT) == []
    assert warm.ack(CLUSTER) == [(EXTENSION, {"e": "2"})]
    assert warm.ack(EXTENSION) == [(LISTENER, {"l": "2"})]
    assert warm.ack(LISTENER) == [(ROUTE, {"r": "2"})]
    assert warm.ack(ROUTE) == []


def test_endpoints_are_answered_while_the_verdict_on_clusters_waits_for_them(warm: Client) -> None:
    added = {"c": "1", "d": "1"}
    assert warm.set(snapshot(clusters=added, endpoints=added)) == [(CLUSTER, added)]

    assert warm.ask(ENDPOINT, "c", "d") == [(ENDPOINT, {"c": "1", "d": "1"})]


def test_a_refused_type_does_not_hold_up_those_after_it(warm: Client) -> None:
    warm.set(snapshot(clusters={"c": "bad"}, endpoints={"c": "1"}, listeners={"l": "2"}))

    assert warm.nack(CLUSTER) == [("refused", CLUSTER, ("c",), "no good"), (LISTENER, {"l": "2"})]


# Status


def test_the_status_says_who_it_is_and_how_each_type_stands(client: Client) -> None:
    client.set(snapshot(clusters={"a": "1"}, routes={"r": "1"}))
    client.ask(CLUSTER)
    client.ack(CLUSTER)
    client.ask(ROUTE, "r")
    status = client.stream.status()

    assert (status.node, status.since) == ("node-1", 99.0)
    clusters, routes = status.types[CLUSTER], status.types[ROUTE]
    assert (clusters.state, clusters.names) == ("taken", None)
    assert clusters.taken_version == clusters.sent_version != ""
    assert (routes.state, routes.names, routes.taken_version) == ("waiting", ("r",), "")
    assert client.stream.state(LISTENER) == "unasked"


def test_the_status_of_a_refusal_has_envoys_text_and_time_until_it_is_healed(client: Client) -> None:
    client.set(snapshot(clusters={"a": "bad"}))
    client.ask(CLUSTER)
    client.nack(CLUSTER, "text of Envoy")

    status = client.stream.status().types[CLUSTER]
    assert (status.state, status.taken_version) == ("refused", "")
    (refused,) = client.last[CLUSTER].resources
    assert status.refusal == Refusal(
        "node-1", CLUSTER, status.sent_version, {"a": refused.version}, "text of Envoy", 100.0
    )

    client.set(snapshot(clusters={"a": "good"}))
    client.ack(CLUSTER)
    status = client.stream.status().types[CLUSTER]
    assert (status.state, status.refusal) == ("taken", None)
    assert status.last_refusal is not None


def test_what_runs_is_what_was_taken_last_also_when_the_next_is_refused(client: Client) -> None:
    client.set(snapshot(extensions={"f": "1"}))
    client.ask(EXTENSION, "f")
    client.ack(EXTENSION)
    running = client.stream.status().types[EXTENSION].running
    client.set(snapshot(extensions={"f": "bad"}))
    client.nack(EXTENSION, "no")

    assert running["f"].at == 100.0
    assert client.stream.status().types[EXTENSION].running == running


def test_a_resource_is_versioned_by_its_bytes() -> None:
    assert resource("a", b"x").version == resource("b", b"x").version != resource("a", b"y").version
    assert isinstance(resource("a", b"x"), Resource)


@pytest.mark.parametrize("verdict", ["taken", "refused"])
def test_listeners_are_sent_once_more_when_envoy_could_not_use_them(client: Client, verdict: str) -> None:
    client.set(snapshot(listeners={"a": "1"}))
    client.ask(LISTENER)
    assert client._seen(client.stream.again(LISTENER)) == []  # one is on its way
    _ = client.ack(LISTENER) if verdict == "taken" else client.nack(LISTENER)

    assert client._seen(client.stream.again(LISTENER)) == [(LISTENER, {"a": "1"})]
    assert client.stream.state(LISTENER) == "waiting"
    client.ack(LISTENER)
    assert client.stream.state(LISTENER) == "taken"
    assert client.stream.again(ROUTE) == []
