"""On the import path of a hub that is tortured: Python imports this at its start, before any code of the hub's."""

from tests.torture import points

points.install()
