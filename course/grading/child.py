"""The process in which a student's functions run: numpy and nothing else. Started by `sandbox.py` as a script.

It reads requests from a pipe and writes arrays back; it knows no reference, no seed and no salt. Files, imports,
processes and sockets end it: an audit hook cannot be taken away once it is set. The source was checked before
(`source_check.py`); each of the two must be enough.
"""

import json
import os
import struct
import sys
import warnings

sys.path.insert(0, sys.argv[1])
import math

import numpy as np
import numpy.fft
import numpy.linalg
import numpy.random

sys.path.remove(sys.argv[1])

FORBIDDEN_EXIT = 13
LIMIT = 1 << 26
ALLOWED_MODULES = ("numpy", "math", "numpy.linalg")
HARMLESS_EVENTS = ("array.__new__", "builtins.id")
BUILTINS = (
    "abs all any bool complex dict divmod enumerate filter float frozenset int isinstance iter len list map max min "
    "next pow range reversed round set slice sorted str sum tuple zip True False None ArithmeticError AssertionError "
    "Exception IndexError KeyError NotImplementedError OverflowError RuntimeError TypeError ValueError "
    "ZeroDivisionError"
)


def read_exactly(stream, count):
    """Return this number of bytes; the process ends if the other side has gone."""
    data = stream.read(count)
    if len(data) != count:
        os._exit(0)
    return data


def read_message(stream):
    """Return a request with its arrays."""
    size, blob = struct.unpack("<II", read_exactly(stream, 8))
    head = json.loads(read_exactly(stream, size))
    return head, read_exactly(stream, blob)


def write_message(stream, head, blob=b""):
    """Write an answer."""
    text = json.dumps(head).encode()
    stream.write(struct.pack("<II", len(text), len(blob)) + text + blob)
    stream.flush()


def decode(value, blob):
    """Return a value of a message: numbers, texts, lists, and arrays that lie in the blob."""
    if isinstance(value, list):
        return [decode(item, blob) for item in value]
    if isinstance(value, dict):
        count = math.prod(value["shape"])
        array = np.frombuffer(blob, value["dtype"], count, value["at"])
        return array.reshape(value["shape"]).copy()
    return value


def encode(value, parts):
    """Return a value for a message; arrays of numbers are appended to `parts`."""
    if value is None or isinstance(value, (bool, int, str)):
        return value if not isinstance(value, str) else value[:200]
    if isinstance(value, (tuple, list)) and len(value) <= 64 and not all(isinstance(v, (int, float)) for v in value):
        return [encode(item, parts) for item in value]
    array = np.asarray(value)
    if array.dtype.kind not in "biuf" or array.nbytes > LIMIT:
        raise TypeError("the result must be numbers or an array of numbers")
    data = array.tobytes()
    parts.append(data)
    return {"dtype": array.dtype.str, "shape": list(array.shape), "at": sum(map(len, parts[:-1]))}


def allow_import(name, _globals=None, _locals=None, fromlist=(), level=0):
    """Return numpy, a part of it that is loaded, or math: numpy's own functions import parts by name too."""
    if not (name in ALLOWED_MODULES or name.startswith("numpy.")) or name not in sys.modules or level:
        raise ImportError(f"graded functions import numpy and math only, not {name}")
    return sys.modules[name if fromlist else name.partition(".")[0]]


def set_limits():
    """Limit memory, time, files and processes as far as the system can."""
    try:
        import resource
    except ImportError:
        return
    megabytes, seconds = int(sys.argv[2]), int(sys.argv[3])
    for name, limit in {
        "RLIMIT_AS": megabytes << 20,
        "RLIMIT_CPU": seconds,
        "RLIMIT_FSIZE": 0,
        "RLIMIT_CORE": 0,
        "RLIMIT_NPROC": 0,
    }.items():
        try:
            resource.setrlimit(getattr(resource, name), (limit, limit))
        except (AttributeError, ValueError, OSError):
            continue


def load_lazily_loaded_parts():
    """Use what numpy loads at its first use, because nothing can be loaded later."""
    rng = np.random.default_rng(0)
    rng.permutation(rng.choice(4, 4))
    np.random.RandomState(0).rand(2)
    values = np.arange(9.0).reshape(3, 3)
    np.quantile(values, 0.5)
    np.nanmedian(values)
    np.linalg.svd(values)
    np.einsum("ij,jk", values, values, optimize=True)
    str(values)


def seal():
    """Forbid whatever leaves the process, for good."""
    leave, forbidden, expected = os._exit, FORBIDDEN_EXIT, []

    def hook(event, args):
        if event == "exec" and expected and args[0] is expected[0]:
            expected.clear()
        elif event not in HARMLESS_EVENTS:
            leave(forbidden)

    sys.addaudithook(hook)
    return expected.append


def main():
    """Answer requests until the pipe is closed."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    warnings.simplefilter("ignore")
    safe = {name: getattr(__import__("builtins"), name) for name in BUILTINS.split()}
    safe |= {"print": lambda *_, **__: None, "__import__": allow_import}
    space = {"__builtins__": safe, "__name__": "answer", "np": np, "numpy": np, "math": math}
    head, _ = read_message(requests)
    cells = [compile(source, "answer", "exec") for source in head["sources"]]

    def make_stub(name):
        def ask(*args):
            parts = []
            write_message(answers, {"ask": name, "args": encode(list(args), parts)}, b"".join(parts))
            reply, blob = read_message(requests)
            return decode(reply["value"], blob)

        return ask

    for name in head["provided"]:
        space[name] = make_stub(name)
    load_lazily_loaded_parts()
    set_limits()
    expect = seal()
    problem = None
    for code in cells:
        expect(code)
        try:
            exec(code, space)
        except BaseException as error:
            problem = f"{type(error).__name__}: {error}"[:200]
    write_message(answers, {"error": problem} if problem else {"value": None})
    while True:
        head, blob = read_message(requests)
        parts = []
        try:
            result = space[head["call"]](*decode(head["args"], blob))
            answer = {"value": encode(result, parts)}
        except BaseException as error:
            answer, parts = {"error": f"{type(error).__name__}: {error}"[:200]}, []
        write_message(answers, answer, b"".join(parts))


main()
