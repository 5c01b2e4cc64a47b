"""Tests of this repository; `tests.service` is the TickDB that they talk to."""
