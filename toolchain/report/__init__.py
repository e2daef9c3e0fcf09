"""Program, placement and trace to synaptic operations, energy, latency and pages."""
