"""The service as a demonstration runs it: the whole of it, on a database that starts empty."""

import sys
from dataclasses import replace

from docustore.embedded.children import ChildSpec
from docustore.embedded.service import ServicePlan, whole_service


def demo_service() -> ServicePlan:
    """Return the plan of `up` with the demonstration's preparation in front of the indexes."""
    prepare = ChildSpec(name="prepare", command=(sys.executable, "-m", "docustore.demo.prepare"))
    return replace(whole_service(), preparation=prepare)
