"""The protocol of bench/serve.h: `ready JSON`, then `run N WORD...` -> seconds, until `quit`."""
import json
import sys


def announce(facts):
    print("ready", json.dumps(facts), flush=True)


def requests():
    """(N, words) of each request."""
    for line in sys.stdin:
        verb, *words = line.split()
        if verb == "quit":
            return
        if verb != "run":
            raise ValueError(f"expected 'run N WORD...' or 'quit', got {line!r}")
        yield int(words[0]), words[1:]
