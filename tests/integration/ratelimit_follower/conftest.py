"""The API server of the tests of its edge."""

from ..kube.conftest import cluster  # noqa: TID252 - tests are no package

__all__ = ["cluster"]
