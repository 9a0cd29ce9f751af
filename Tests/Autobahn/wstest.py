"""Runs Autobahn's `wstest` (Python 2.7), but lets its servers listen on 127.0.0.1 only.

Called as `wstest`; see Scripts/autobahn.
"""

import sys

from autobahntestsuite import wstest  # chooses the reactor: before anything else of Twisted
from autobahntestsuite import fuzzing

LOOPBACK = "127.0.0.1"
listen = fuzzing.listenWS


def listen_on_loopback(factory, context=None):
    return listen(factory, context, interface=LOOPBACK)


if __name__ == "__main__":
    fuzzing.listenWS = listen_on_loopback
    sys.exit(wstest.run())
