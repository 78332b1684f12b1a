"""Runs the `python` blocks of one page in one process: a program of its own, which imports nothing of the tests.

Each line of standard input is a JSON list [page, line, code]. Each answer is a line on the file descriptor in argv[1]:
null, or the traceback.
"""

import importlib
import json
import os
import sys
import traceback
import types

page = types.ModuleType("__main__")
sys.modules["__main__"] = page
sys.path.insert(0, "")

with os.fdopen(int(sys.argv[1]), "w") as answers:
    for line in sys.stdin:
        name, number, code = json.loads(line)
        importlib.invalidate_caches()  # an earlier block may have written a module
        try:
            exec(compile("\n" * (number - 1) + code, name, "exec"), page.__dict__)
            answer = None
        except BaseException:
            answer = traceback.format_exc()
        sys.stdout.flush()
        print(json.dumps(answer), file=answers, flush=True)
