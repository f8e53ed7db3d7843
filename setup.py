"""Compiles the C files of serving; all else about the package stands in pyproject.toml.

The machine's own C compiler does it where there is one, otherwise Zig's, which pip can install. The library knows
nothing of Python, so no headers of it are needed.
"""

import os
import subprocess
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

SOURCES = sorted(map(str, Path("server/serving/native").glob("*.c")))
ZIG = [sys.executable, "-m", "ziglang", "cc", "-mcpu=baseline"]  # its default is this processor alone


def compile_to(library: str, compiler: list[str]) -> None:
    """Make a shared library of `SOURCES`."""
    subprocess.run([*compiler, "-O3", "-fPIC", "-shared", "-o", library, *SOURCES, "-lm"], check=True)


def own_compiler() -> list[str] | None:
    """The C compiler that this machine has, None where it lacks one or the headers of C."""
    for name in (os.environ.get("CC"), "cc", "gcc", "clang"):
        if name:
            try:
                compile_to(os.devnull, [name])
            except (OSError, subprocess.CalledProcessError):
                continue
            return [name]
    return None


class BuildLibrary(build_ext):
    """Builds a library that is no module of Python, and is not named like one."""

    def get_ext_filename(self, fullname: str) -> str:
        """Where it lies in the package."""
        return os.path.join(*fullname.split(".")) + ".so"  # noqa: PTH118 - setuptools wants text

    def build_extension(self, ext: Extension) -> None:
        """Compile it."""
        library = Path(self.get_ext_fullpath(ext.name))
        library.parent.mkdir(parents=True, exist_ok=True)
        compile_to(str(library), own_compiler() or ZIG)


setup(
    ext_modules=[Extension("server.serving.native.libnative", SOURCES)],
    cmdclass={"build_ext": BuildLibrary},
    setup_requires=[] if own_compiler() else ["ziglang>=0.13"],
)
