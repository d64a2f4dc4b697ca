"""What the documents tell a reader to type exists."""

import re
import shlex
import stat
from pathlib import Path

import pytest
import typer
import yaml
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(?:sh|bash|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
ANY_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(gee-s1ben\s[^`]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")


def commands(text):
    """Every ``gee-s1ben …`` of a document, as words."""
    prose = ANY_FENCE.sub("", text)
    lines = [re.sub(r"\\\n", " ", block) for block in FENCE.findall(text)] + INLINE.findall(prose)
    for line in "\n".join(lines).splitlines():
        for part in re.split(r"&&|\|\||[;|]", line.partition(" #")[0].removeprefix("$ ")):
            words = shlex.split(part)
            if words and Path(words[0]).name == "gee-s1ben":
                yield words[1:]


def documented():
    return [
        pytest.param(words, id=f"{path.relative_to(ROOT)}: {' '.join(words)}")
        for path in DOCUMENTS
        for words in commands(path.read_text(encoding="utf-8"))
    ]


@pytest.fixture(scope="module")
def program():
    from gee_s1ben.cli.app import app

    return typer.main.get_command(app)


def options(command):
    own = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    return own | {"--help", "-h"}


@pytest.mark.parametrize("words", documented())
def test_a_documented_command_exists(program, words):
    command, known = program, options(program)
    for word in words:
        if word.startswith("-"):
            assert word.partition("=")[0] in known
        elif word in getattr(command, "commands", {}):
            command = command.commands[word]
            known |= options(command)
        else:
            assert not getattr(command, "commands", {}), f"{word} is no command of {command.name}"


def leaves(command, path=()):
    below = getattr(command, "commands", None)
    if not below:
        return [path]
    return [leaf for name, one in below.items() if not one.hidden for leaf in leaves(one, (*path, name))]


def test_the_list_of_commands_says_in_full_what_each_does(program):
    shown = list(program.commands.values())
    shown += [command for group in shown for command in getattr(group, "commands", {}).values()]
    room = 78 - 2 - len("footprints  ")  # a terminal of 80 columns
    texts = {command.name: command.get_short_help_str(room - 2) for command in shown}
    assert len(texts) > 20
    assert {name: text for name, text in texts.items() if text.endswith("...")} == {}


def test_every_command_is_documented(program):
    text = "\n".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
    shown = [" ".join(words) for words in commands(text)]
    missing = [
        leaf for leaf in map(" ".join, leaves(program)) if not any(f"{one} ".startswith(f"{leaf} ") for one in shown)
    ]
    assert missing == []


def keys(model, prefix=""):
    """Dotted name of every configuration key to its default."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from keys(kind, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field.default


def plain(value):
    if isinstance(value, tuple):
        return [plain(one) for one in value]
    return value.as_posix() if isinstance(value, Path) else value


def test_every_configuration_key_is_documented_with_its_default():
    from gee_s1ben.config.model import Config

    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z_.]+)` \| (?:`([^`]*)`|required|–) \|", text, re.MULTILINE)
    shown = {name: yaml.safe_load(default) if default else None for name, default in rows}
    expected = {name: None if value is PydanticUndefined else plain(value) for name, value in keys(Config)}
    assert shown == expected


def test_links_to_files_lead_somewhere():
    broken = [
        f"{path.relative_to(ROOT)}: {target}"
        for path in [*DOCUMENTS, ROOT / "CHANGELOG.md"]
        for target in LINK.findall(path.read_text(encoding="utf-8"))
        if "://" not in target and not (path.parent / target).exists()
    ]
    assert broken == []


def test_the_readme_shows_the_test_command_that_ci_runs():
    script = ROOT / ".ci" / "run"
    asked = re.search(r'readme_command "(.+)"\)', script.read_text(encoding="utf-8"))
    assert asked
    matching = [line for block in FENCE.findall((ROOT / "README.md").read_text(encoding="utf-8"))
                for line in block.splitlines() if asked[1] in line]  # fmt: skip
    assert len(matching) == 1
    assert "pytest" in matching[0]
    assert script.stat().st_mode & stat.S_IXUSR
