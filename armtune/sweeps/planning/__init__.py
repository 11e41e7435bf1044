"""What a sweep will cost: combinations, time and memory, estimated before anything is searched."""
