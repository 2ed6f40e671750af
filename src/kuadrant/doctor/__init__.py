"""`kuadrant doctor`: looks at a cluster before and after an installation, and says what is wrong.

Each subject has a file with its rules and one pure function over `Facts`; `reading` has the objects read.
"""

from kuadrant.doctor.facts import Facts
from kuadrant.doctor.finding import Finding, Symptom
from kuadrant.doctor.symptoms import SYMPTOMS, examined

__all__ = ["SYMPTOMS", "Facts", "Finding", "Symptom", "examined"]
