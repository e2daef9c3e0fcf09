"""Program to program, without changing its meaning."""
