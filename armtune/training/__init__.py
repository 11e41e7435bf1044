"""The one training loop and its parts: network, samples, learning rates, checkpoints, evaluation.

``loop.Run`` trains a pack of members, an epoch a call, and returns figures. It knows neither Ray
nor Optuna nor TensorBoard. ``schedule.begin`` is the way in: a ``Run``, or one whose settings
change on the way.
"""
