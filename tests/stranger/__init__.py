"""An interpreter of programs, written from docs/program_format.md alone: plain Python integers, no toolchain."""
