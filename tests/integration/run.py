#!/usr/bin/env python3
"""Runs end-to-end tests: run.py FILE[::TEST] …, or run.py for all of them.

A test is a function called test_*; its name is the claim. Exit status: 0 all passed, 1 one failed,
77 everything was skipped. INTERLOCK_BIN_DIR is where the programs lie (default build/release).
"""
import functools
import importlib.util
import os
import pathlib
import signal
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

import harness  # noqa: E402  (after the path is set)

SKIPPED = 77


@functools.cache
def load(path):
    spec = importlib.util.spec_from_file_location(f"claims_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tests_of(word):
    name, _, wanted = word.partition("::")
    path = (HERE / name) if (HERE / name).exists() else pathlib.Path(name).resolve()
    module = load(path)
    functions = [(n, f) for n, f in vars(module).items() if n.startswith("test_") and callable(f)]
    if wanted:
        functions = [(n, f) for n, f in functions if n == wanted]
        if not functions:
            sys.exit(f"{name} has no test {wanted}")
    return [(f"{path.stem}.{n.removeprefix('test_')}", f) for n, f in functions]


def run(name, function):
    started = time.monotonic()
    try:
        function()
    except harness.Skip as reason:
        print(f"SKIP  {name}: {reason}", flush=True)
        return "skipped"
    except Exception:
        print(f"FAIL  {name}  ({time.monotonic() - started:.2f} s)", flush=True)
        traceback.print_exc()
        return "failed"
    print(f"ok    {name}  ({time.monotonic() - started:.2f} s)", flush=True)
    return "passed"


def main(words):
    # A stop from outside ends through the exit handlers, which end what was started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    for program in (harness.INTERLOCK, harness.RAILSIM):
        if not os.access(program, os.X_OK):
            sys.exit(f"{program} is not there; build it, or set INTERLOCK_BIN_DIR")
    if not words:
        words = sorted(p.name for p in HERE.glob("*.py") if "\ndef test_" in p.read_text())
    results = []
    for word, after in zip(words, [*words[1:], ""]):
        for name, function in tests_of(word):
            results.append(run(name, function))
        if after.partition("::")[0] != word.partition("::")[0]:  # a file's tests share its stage
            harness.close_shared()
    if "failed" in results:
        return 1
    return SKIPPED if results and set(results) == {"skipped"} else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
