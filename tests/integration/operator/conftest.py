"""The API server of the tests of its edge."""

from tests.integration.kube.conftest import api, cluster

__all__ = ["api", "cluster"]
