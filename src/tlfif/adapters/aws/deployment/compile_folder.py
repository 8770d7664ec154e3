"""``python compile_folder.py FOLDER``: byte code beside every source file in FOLDER, by the Python that runs this.

Run by the functions' version of Python, which need not be this program's: imports the standard library only. The byte
code is never compared with its source, because the files in a function never change.
"""

import py_compile
import sys
from pathlib import Path


def compile_folder(inside: Path) -> None:
    """Compile every file. One that is meant for another version of Python is left out."""
    for file in sorted(inside.rglob("*.py")):
        target = file.parent / "__pycache__" / f"{file.stem}.{sys.implementation.cache_tag}.pyc"
        try:
            py_compile.compile(
                str(file),
                cfile=str(target),
                dfile=file.relative_to(inside).as_posix(),
                doraise=True,
                invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
            )
        except py_compile.PyCompileError:
            continue


if __name__ == "__main__":
    compile_folder(Path(sys.argv[1]))
