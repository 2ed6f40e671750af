from kuadrant.difference import Differences as Differences
from kuadrant.explanation import ClientRequest as Request
from kuadrant.explanation import Explanation as Explanation
from kuadrant.explanation import RequestError as RequestError
from kuadrant.findings import Finding as Finding
from kuadrant.standalone.folder_selection import FolderError as FolderError
from kuadrant.standalone.loading import MistakesError as MistakesError
from kuadrant.standalone.policies import Client as Client
from kuadrant.standalone.policies import EffectiveLimit as EffectiveLimit
from kuadrant.standalone.policies import Policies as Policies
from kuadrant.standalone.policies import check as check
from kuadrant.standalone.policies import read as read
from kuadrant.standalone.policies import read_documents as read_documents

__all__ = [
    "Client",
    "Differences",
    "EffectiveLimit",
    "Explanation",
    "Finding",
    "FolderError",
    "MistakesError",
    "Policies",
    "Request",
    "RequestError",
    "__version__",
    "check",
    "read",
    "read_documents",
]

__version__: str
