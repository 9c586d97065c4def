"""Writes data as YAML in one of the many layouts it could have, with comments in many places."""

from __future__ import annotations

import json
import random
import re
from typing import Any

PLAIN = re.compile(r"[A-Za-z_$(/.][A-Za-z0-9_$()+*/ .=<>-]*[A-Za-z0-9_)]|[A-Za-z_]")
WORDS = {"true", "false", "null", "True", "False", "TRUE", "FALSE", "Null", "NULL"}


class Mutator:
    """`comments`: the texts of those that were written, in no order."""

    def __init__(self, seed: int, *, comments: bool = True) -> None:
        self.random = random.Random(seed)
        self.with_comments = comments
        self.comments: list[str] = []
        self.last = 0
        self.limit = 1000

    def document(self, data: Any) -> str:
        lines: list[str] = []
        if self.chance(0.3):
            lines += ["# yaml-language-server: $schema=x.json"]
            self.comments.append(lines[0])
        if self.chance(0.1):
            lines.append("---")
        lines += self.block(data, 0)
        self.noise(lines, 0, 0.2)
        end = "\r\n" if self.chance(0.1) else "\n"
        return end.join(lines) + (end if self.chance(0.9) else "")

    def chance(self, p: float) -> bool:
        return self.random.random() < p

    def comment(self) -> str:
        self.last += 1
        tail = self.random.choice(["", " x: y", " [a, b", ' "quoted', " # again", ": ", " - item", " ünï"])
        text = f"#{' ' * self.random.randint(0, 2)}c{self.last}{tail}".rstrip()
        self.comments.append(text)
        return text

    def noise(self, lines: list[str], indent: int, p: float = 0.15) -> None:
        while self.chance(p):
            if self.with_comments and self.chance(0.6):
                column = indent if self.chance(0.8) else self.random.randint(0, indent + 3)
                column = min(column, self.limit)  # further in, it would be a line of the text above
                lines.append(" " * column + self.comment())
            else:
                lines.append("" if self.chance(0.8) else "   ")

    def trailing(self) -> str:
        if self.with_comments and self.chance(0.1):
            return " " * self.random.randint(1, 6) + self.comment()
        return " " * self.random.randint(0, 2) if self.chance(0.1) else ""

    def block(self, data: Any, indent: int) -> list[str]:
        """Lines of a collection."""
        lines: list[str] = []
        pairs = list(data.items()) if isinstance(data, dict) else [(None, item) for item in data]
        for key, value in pairs:
            self.noise(lines, indent)
            head = " " * indent + ("-" if key is None else self.scalar(key, flow=False, key=True) + ":")
            lines += self.entry(head, key is None, value, indent)
        return lines

    def entry(self, head: str, dash: bool, value: Any, indent: int) -> list[str]:
        self.limit = 1000
        if isinstance(value, (dict, list)):
            if not value or self.chance(0.35):
                lines = (head + " " + self.flow(value, indent)).split("\n")
                lines[-1] += self.trailing()
                return lines
            deeper = indent + self.random.choice([2, 2, 2, 1, 4])
            if isinstance(value, list) and not dash and self.chance(0.2):
                deeper = indent
            inner = self.block(value, deeper)
            first = inner[0].lstrip(" ")
            if dash and first and not first.startswith("#") and deeper > indent + 1 and self.chance(0.8):
                return [head + " " * (deeper - indent - 1) + first, *inner[1:]]
            return [head + self.trailing(), *inner]
        if isinstance(value, str) and self.literal(value) and self.chance(0.7):
            chomp = "+" if value.endswith("\n\n") else "" if value.endswith("\n") else "-"
            own = " " * (indent + 2)
            self.limit = indent + 1
            body = [own + line if line else "" for line in value.removesuffix("\n").split("\n")]
            return [f"{head} |{chomp}{self.trailing()}", *body]
        text = self.scalar(value, flow=False)
        return [(head + " " * self.random.choice([1, 1, 1, 3]) + text).rstrip() + self.trailing()]

    def literal(self, value: str) -> bool:
        lines = value.split("\n")
        return len(lines) > 1 and bool(lines[0]) and not lines[0].startswith(" ") and all(map(str.isprintable, lines))

    def flow(self, data: Any, indent: int) -> str:
        if isinstance(data, dict):
            parts = [f"{self.scalar(k, flow=True, key=True)}: {self.flow(v, indent)}" for k, v in data.items()]
            opening, closing = "{", "}"
        elif isinstance(data, list):
            parts = [self.flow(item, indent) for item in data]
            opening, closing = "[", "]"
        else:
            return self.scalar(data, flow=True)
        out = opening + " " * self.random.choice([0, 0, 1])
        for number, part in enumerate(parts):
            out += part
            if number < len(parts) - 1 or self.chance(0.1):
                out += ","
            out += self.line_break(indent) if self.chance(0.08) else " "
        return out + closing

    def line_break(self, indent: int) -> str:
        comment = " " + self.comment() if self.with_comments and self.chance(0.5) else ""
        return f"{comment}\n" + " " * (indent + self.random.randint(1, 6))

    def scalar(self, value: Any, *, flow: bool, key: bool = False) -> str:
        if value is None:
            return self.random.choice(["null", "~"])
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, float):
            return ".inf" if value == float("inf") else "-.inf" if value == float("-inf") else repr(value)
        if isinstance(value, int):
            return str(value)
        safe = PLAIN.fullmatch(value) and value not in WORDS and not value.startswith((".", "- ")) and "  " not in value
        if safe and not (flow and re.search(r"[,\[\]{}]", value)) and not self.chance(0.15):
            return value
        if "'" not in value and value.isprintable() and self.chance(0.3):
            return f"'{value}'"
        return json.dumps(value, ensure_ascii=self.chance(0.5) and all(ord(c) < 0x10000 for c in value))
