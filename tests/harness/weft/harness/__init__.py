# SPDX-License-Identifier: Apache-2.0
"""Weft's pytest harness: boots kernels and turns what they say into test items.

ktap      what a guest's test program prints -> results, strictly
program   what a guest test's C source declares: its tests, its configurations
boots     one boot per (program, configuration), cached for the session
guest     a machine in a test's hands: console, monitor, records, capture
artifacts what a failed boot leaves behind in out/test/
plugin    the pytest side: fixtures, items, reports (docs/testing.md is its manual)
"""
