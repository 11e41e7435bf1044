"""What the columns of a table are: their types, found out or stated, and columns that tell labels.

Nothing here imports torch. A guess has a reason in words and three examples.
"""
