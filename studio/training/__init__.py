"""Algorithm 20.1 as a generator, with everything a run needs: settings, averaged weights, checkpoints, the sample wall.

`train` in trainer.py is the way in; a TrainingRun (run.py) is what it works on; events.py is what it tells.
"""
