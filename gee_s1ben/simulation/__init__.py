"""Simulated Sentinel-1 scenes over a known ground, for those without data and for tests.

No satellite took these scenes: the property ``simulated`` is true on each of them, and descriptions say so.
"""

from gee_s1ben.simulation.ground import truth
from gee_s1ben.simulation.running import Progress, SimulatedScene, SimulationReport, simulate
from gee_s1ben.simulation.swath import incidence_factor

__all__ = ["Progress", "SimulatedScene", "SimulationReport", "incidence_factor", "simulate", "truth"]
