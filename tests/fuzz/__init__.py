"""Files that no writer wrote, made of real ones: every reader takes them or refuses them on purpose, and soon."""
