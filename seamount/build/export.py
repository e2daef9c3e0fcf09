"""The program in every form that others read: text, arrays, Lava, ONNX, NIR, JavaScript, C."""

from __future__ import annotations

import shutil

from exporters.c import export_c
from exporters.js import export_js
from exporters.lava import export_lava
from exporters.nir import export_nir
from seamount.build.folder import BuildFolder
from seamount.build.job import Placed
from seamount.events import Event, Tell
from seamount.simulators import missing
from toolchain.errors import UnsupportedError
from toolchain.files import write_text
from toolchain.frontend.write import write_nir
from toolchain.ir.storage import save_program
from toolchain.ir.text import write_program
from toolchain.units.ends import with_sums_before_outputs


def export(placed: Placed, folder: BuildFolder, tell: Tell, onnx_lanes: str | None = None) -> None:
    """Write the network and its program into a build folder; what cannot be written is said.

    Raises:
        InputError, UnsupportedError: ONNX lanes that are wanted but unknown, or not proven to be exact.
    """
    program = placed.program
    if placed.source.nir is None:
        write_nir(with_sums_before_outputs(placed.graph), folder.model)
    else:
        shutil.copyfile(placed.source.nir, folder.model)
    write_text(folder.text, write_program(program))
    save_program(program, folder.program)
    export_lava(program, folder.lava)
    written = ["program.txt", "lava/"]
    for path, write in ((folder.quantized, export_nir), (folder.js, export_js), (folder.c, export_c)):
        try:
            write(program, path)
            written.append(path.name if path.is_file() else f"{path.name}/")
        except UnsupportedError as error:
            tell(Event("export", f"no {path.name}: {error}", detail=True))
    if missing("onnx") is None:
        from exporters.onnx import export_onnx, facts_path
        from simulators.onnx import golden_of

        export_onnx(program, folder.onnx, lanes=onnx_lanes, golden=golden_of(program))
        written += [folder.onnx.name, facts_path(folder.onnx).name]
    tell(Event("export", ", ".join(written), {"files": written}))
