"""The host's side of a program: numbers become payloads, and what the program returns becomes numbers and classes."""
