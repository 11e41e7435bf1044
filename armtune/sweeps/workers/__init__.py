"""What trains a sweep's trials: a worker, its packs, their folders and time limits.

A worker is an object in this process or in one of Ray's; it is given tasks and says how far they
have come. It decides nothing about trials and never reads the study.
"""
