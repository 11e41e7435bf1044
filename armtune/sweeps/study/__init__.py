"""What a sweep decides and remembers: search, Optuna's study and journal, results, confirmation.

``search.Search`` says which trial comes next, whether it goes on and how it ended; ``study`` writes
that to the journal, the only record of trials. Nothing here trains, and nothing knows Ray.
"""
