"""Tests of Seamount; the folders mirror the packages."""
