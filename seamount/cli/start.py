"""What `seamount` alone shows: three ways in, and where to look."""

from __future__ import annotations

START = """\
Seamount {version}: a trained spiking network becomes an integer program on Loihi-style cores, simulated and compared.

Three ways in:

  a network of the zoo    seamount deploy zoo:digits
                          (all of them: seamount zoo)

  a NIR file              seamount check net.nir --calibrate data.npz
                          seamount deploy net.nir --calibrate data.npz
                          (x of data.npz: sample, step, channel; y: classes, if there are any)

  your own network,       import seamount as sm
  in Python               build = sm.deploy(net, calibrate=x, labels=y)
                          (net: a module of snnTorch, norse, SpikingJelly or sinabs, or a nir.NIRGraph)

Then look at build/<name>/report.html, or:

  seamount energy build/<name>          energy, time and synaptic operations of an inference
  seamount simulate build/<name> ...    the program on inputs of yours
  seamount compare build/<a> build/<b>  two builds side by side

seamount --help lists all commands, seamount doctor says what is installed.
"""


def start_screen() -> str:
    """The text, with the version."""
    from toolchain.version import __version__

    return START.format(version=__version__)
