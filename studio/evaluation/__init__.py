"""How good a model's pictures are, and how new, measured with nothing but its data.

`evaluate` says everything at once; each of its measures has a module of its own.
"""

from studio.evaluation.evaluate import evaluate
from studio.evaluation.progress import EvaluationProgress, finished
from studio.evaluation.report import EvaluationReport

__all__ = ["EvaluationProgress", "EvaluationReport", "evaluate", "finished"]
