"""What pyproject.toml cannot say of the wheel: styles and scripts come along with the package."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class WithAssets(build_py):
    """The usual build, and the folder of assets as `dashapp/assets`."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib, "dashapp", "assets")
            shutil.copytree(Path(__file__).parent / "assets", target, dirs_exist_ok=True)


setup(cmdclass={"build_py": WithAssets})
