"""One study, one configuration: YAML files, checked once, become one frozen `Study`.

Sections follow the way of the data; only `tessera.stages` sees them, everything below takes plain
arguments. `load` reads a study file and its overlays; an unknown key, a wrong type or an impossible
value is one line with the path of the key.
"""

from tessera.study.ensembles import Ensemble, Ensembles, Imported, Simulated, Solver
from tessera.study.evaluation import Evaluation
from tessera.study.material import Material
from tessera.study.networks import Comparison, Dynamics, TokenizerSection, Training
from tessera.study.reading import merge
from tessera.study.rivals import PARCv2, Rival
from tessera.study.study import Study, load, schema

__all__ = [
    "Comparison",
    "Dynamics",
    "Ensemble",
    "Ensembles",
    "Evaluation",
    "Imported",
    "Material",
    "PARCv2",
    "Rival",
    "Simulated",
    "Solver",
    "Study",
    "TokenizerSection",
    "Training",
    "load",
    "merge",
    "schema",
]
