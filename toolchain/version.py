"""The version of this distribution; what an artefact means is versioned apart from it, as SEMANTICS_VERSION."""

__version__ = "0.1.0"
