"""What a person sees of a sweep: tables, pictures and TensorBoard."""
