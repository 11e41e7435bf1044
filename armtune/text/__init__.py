"""Text from users and their data, made harmless where it is shown or written."""
